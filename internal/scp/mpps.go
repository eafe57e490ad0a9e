package scp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist"
)

// The SOP Classes of the Modality Performed Procedure Step service (PS3.4 F.7, F.8).
const (
	PerformedProcedureStep         dicom.UID = "1.2.840.10008.3.1.2.3.3"
	PerformedProcedureStepRetrieve dicom.UID = "1.2.840.10008.3.1.2.3.4"
)

// Performed keeps Modality Performed Procedure Steps. When Create or Set give no error, what came is durable.
type Performed interface {
	Create(ctx context.Context, in worklist.Inbound) (dicom.UID, error)
	Set(ctx context.Context, in worklist.Inbound) (left []dicom.Tag, err error)
	FindPerformed(ctx context.Context, scope halong.Scope, sop dicom.UID) (*worklist.Performed, error)
}

// performedService serves N-CREATE and N-SET (PS3.4 F.7.2), and N-GET of the Retrieve SOP Class (F.8.2).
type performedService struct {
	performed Performed
	log       *slog.Logger
}

// maxPerformed bounds the bytes of a request's Data Set, which is taken into memory: one that lists 20,000 images has about 3 million.
const maxPerformed = 16 << 20

// Serve implements dimse.Service.
func (s *performedService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	peer, ok := rq.Association.Session.(*session)
	if !ok {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	retrieve := rq.Context.AbstractSyntax == PerformedProcedureStepRetrieve
	class := cmp.Or(rq.Command.AffectedSOPClass, rq.Command.RequestedSOPClass)
	if class != PerformedProcedureStep && !(retrieve && class == PerformedProcedureStepRetrieve) { // N-GET names the class of the instance (PS3.4 F.8.2)
		return dimse.Answer(dimse.NoSuchSOPClass)
	}
	switch f := rq.Command.Field; {
	case f == dimse.NCreateRQ && !retrieve:
		return s.create(ctx, rq, peer)
	case f == dimse.NSetRQ && !retrieve:
		return s.set(ctx, rq, peer)
	case f == dimse.NGetRQ && retrieve:
		return s.get(ctx, rq, peer)
	}
	return dimse.Answer(dimse.UnrecognizedOperation)
}

// inbound reads a request into memory.
func (s *performedService) inbound(rq *dimse.Request, peer *session, sop dicom.UID) (worklist.Inbound, *dimse.Response) {
	in := worklist.Inbound{
		Facility: peer.facility, Source: peer.source, SOP: sop, Syntax: rq.Context.TransferSyntax,
		At: time.Now().UTC().Truncate(time.Microsecond),
	}
	in.Source.Protocol = "MPPS"
	refuse := func(status dimse.Status, why string) (worklist.Inbound, *dimse.Response) {
		resp := dimse.Answer(status)
		resp.ErrorComment = why
		return in, &resp
	}
	if rq.Data == nil {
		return refuse(dimse.MissingAttribute, "no data set")
	}
	b, err := io.ReadAll(io.LimitReader(rq.Data, maxPerformed+1))
	switch {
	case err != nil:
		return refuse(dimse.ProcessingFailure, "data set was cut off")
	case len(b) > maxPerformed:
		return refuse(dimse.ResourceLimitation, "data set is too long")
	}
	in.Data = b
	return in, nil
}

// create answers N-CREATE.
func (s *performedService) create(ctx context.Context, rq *dimse.Request, peer *session) dimse.Response {
	sop := rq.Command.AffectedSOPInstance
	if sop != "" && !sop.Valid() {
		return dimse.Answer(dimse.InvalidSOPInstance)
	}
	in, refused := s.inbound(rq, peer, sop)
	if refused != nil {
		return *refused
	}
	sop, err := s.performed.Create(ctx, in)
	if err != nil {
		return s.failure(peer, in.SOP, err)
	}
	resp := dimse.Answer(dimse.Success)
	resp.AffectedSOPInstance = sop
	return resp
}

// set answers N-SET. What may not be changed stays, with a warning.
func (s *performedService) set(ctx context.Context, rq *dimse.Request, peer *session) dimse.Response {
	in, refused := s.inbound(rq, peer, rq.Command.RequestedSOPInstance)
	if refused != nil {
		return *refused
	}
	left, err := s.performed.Set(ctx, in)
	if err != nil {
		return s.failure(peer, in.SOP, err)
	}
	if len(left) > 0 {
		resp := dimse.Answer(attributeListError)
		resp.AttributeIdentifiers, resp.ErrorComment = left, "attributes that may not be changed were not"
		return resp
	}
	return dimse.Answer(dimse.Success)
}

// Statuses of N-SET (PS3.7 10.1.3.1.9, PS3.4 table F.7.2-2).
const (
	attributeListError dimse.Status = 0x0107
	mayNotBeUpdated    uint16       = 0xA710 // Error ID
)

// get answers N-GET: the attributes that were asked for, all without a list.
func (s *performedService) get(ctx context.Context, rq *dimse.Request, peer *session) dimse.Response {
	p, err := s.performed.FindPerformed(ctx, peer.scope, rq.Command.RequestedSOPInstance)
	if err != nil {
		return s.failure(peer, rq.Command.RequestedSOPInstance, err)
	}
	ts, ok := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	if !ok {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	out := told(p.Attributes, rq.Command.AttributeIdentifiers)
	if wide(out) {
		out.PutString(tag.SpecificCharacterSet, dicom.CS, charset.UTF8)
	} else {
		out.Delete(tag.SpecificCharacterSet)
	}
	resp := dimse.Answer(dimse.Success)
	resp.AffectedSOPClass, resp.AffectedSOPInstance = PerformedProcedureStep, p.SOP
	resp.Data = out.Append([]byte{}, ts)
	return resp
}

// told gives the attributes that were asked for, empty where nothing is known of them; all without a list.
func told(of *dataset.Set, asked []dicom.Tag) *dataset.Set {
	if len(asked) == 0 {
		return &dataset.Set{Elements: slices.Clone(of.Elements)}
	}
	out := &dataset.Set{}
	for _, t := range asked {
		switch e := of.Get(t); {
		case e != nil:
			out.Put(*e)
		case !t.IsPrivate() && dicom.VROf(t) != dicom.UN:
			out.Put(dataset.Element{Tag: t, VR: dicom.VROf(t)})
		}
	}
	return out
}

// performedStatus is the one map from kinds of errors to the statuses of N-CREATE, N-SET and N-GET (PS3.7 10.1, PS3.4 F.7.2).
var performedStatus = map[halong.Kind]struct {
	status  dimse.Status
	comment string
}{
	halong.Invalid:     {dimse.InvalidAttributeValue, "data set cannot be understood"},
	halong.Unsupported: {dimse.SOPClassNotSupported, "not supported"},
	halong.NotExist:    {dimse.NoSuchSOPInstance, "no such performed procedure step"},
	halong.Conflict:    {dimse.DuplicateSOPInstance, "there is a performed procedure step with this UID"},
	halong.Permission:  {dimse.NotAuthorized, "not authorized"},
	halong.Exhausted:   {dimse.ResourceLimitation, "out of resources"},
	halong.Transient:   {dimse.ResourceLimitation, "temporarily unavailable"},
	halong.Corrupt:     {dimse.ProcessingFailure, "internal failure"},
	halong.Internal:    {dimse.ProcessingFailure, "internal failure"},
}

// failure turns an error into a response.
func (s *performedService) failure(peer *session, sop dicom.UID, err error) dimse.Response {
	a := performedStatus[halong.KindOf(err)]
	resp := dimse.Answer(a.status)
	resp.ErrorComment = a.comment
	var wrong *worklist.AttributeError
	switch {
	case errors.Is(err, worklist.ErrFinal):
		id := mayNotBeUpdated
		resp.Status, resp.ErrorID, resp.ErrorComment = dimse.ProcessingFailure, &id, comment(worklist.ErrFinal.Error())
	case errors.As(err, &wrong):
		resp.Status = [...]dimse.Status{worklist.Missing: dimse.MissingAttribute, worklist.Empty: dimse.MissingAttributeValue, worklist.Wrong: dimse.InvalidAttributeValue}[wrong.Problem]
		resp.ErrorComment, resp.AttributeIdentifiers = comment(wrong.Error()), []dicom.Tag{wrong.Tag}
	}
	s.log.Warn("performed procedure step refused", "status", resp.Status.String(), "peer", peer.source.Peer, "sop", sop.Loggable(), "error", err)
	return resp
}
