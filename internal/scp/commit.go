package scp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// Storage Commitment Push Model (PS3.4 J.3).
const (
	commitmentClass    dicom.UID = "1.2.840.10008.1.20.1"
	commitmentInstance dicom.UID = "1.2.840.10008.1.20.1.1" // well-known (PS3.4 J.3.5)

	requestCommitment uint16 = 1 // Action Type ID (PS3.4 table J.3-1)

	commitmentComplete uint16 = 1 // Event Type IDs (PS3.4 table J.3-2)
	commitmentFailures uint16 = 2
)

// The Failure Reasons (0008,1197) that are given (PS3.3 C.14.1.1).
const (
	reasonProcessing = uint16(dimse.ProcessingFailure)
	reasonNoObject   = uint16(dimse.NoSuchSOPInstance)
	reasonConflict   = 0x0119 // class/instance conflict
)

const (
	maxCommitment      = 16 << 20 // bytes of an N-ACTION's Data Set, which is taken into memory
	maxCommitmentItems = 50_000   // objects in one transaction
)

// commitService takes requests for Storage Commitment (PS3.4 J.3.2). What came of them is told by committer.
type commitService struct{ committer *committer }

// Serve implements dimse.Service. Success is answered when the request is durable.
func (s *commitService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	c := rq.Command
	switch {
	case c.Field != dimse.NActionRQ:
		return dimse.Answer(dimse.UnrecognizedOperation)
	case c.RequestedSOPClass != commitmentClass:
		return dimse.Answer(dimse.NoSuchSOPClass)
	case c.RequestedSOPInstance != commitmentInstance:
		return dimse.Answer(dimse.NoSuchSOPInstance)
	case c.ActionTypeID == nil || *c.ActionTypeID != requestCommitment:
		return dimse.Answer(dimse.NoSuchActionType)
	}
	resp := dimse.Response{}
	resp.ActionTypeID = c.ActionTypeID
	peer, ok := rq.Association.Session.(*session)
	if !ok {
		resp.Status = dimse.ProcessingFailure
		return resp
	}
	want, err := readCommitment(rq)
	if err == nil {
		want.Facility, want.Peer = peer.facility, peer.source.Peer
		err = s.committer.add(ctx, want)
	}
	if err != nil {
		s.committer.log.Warn("storage commitment refused", "peer", peer.source.Peer, "error", err)
		resp.Status, resp.ErrorComment = commitmentRefusal(err)
		return resp
	}
	s.committer.attach(want.ID)
	peer.commitments = append(peer.commitments, want.ID)
	s.committer.poke()
	return resp
}

// commitmentRefusal is the one map from errors to the statuses of N-ACTION (PS3.4 J.3.2.1.4).
func commitmentRefusal(err error) (dimse.Status, string) {
	var r *refused
	if errors.As(err, &r) {
		return r.status, comment(r.comment)
	}
	switch halong.KindOf(err) {
	case halong.Conflict:
		return dimse.InvalidArgumentValue, "transaction UID is in use for other instances"
	case halong.Exhausted:
		return dimse.ResourceLimitation, "out of resources"
	}
	return dimse.ProcessingFailure, "internal failure"
}

func badCommitment(t dicom.Tag, why string) error {
	return &refused{dimse.InvalidArgumentValue, fmt.Sprintf("%v: %s", t, why), t}
}

// readCommitment reads the Action Information (PS3.4 table J.3-1); the error is a *refused.
func readCommitment(rq *dimse.Request) (*storage.Commitment, error) {
	if rq.Data == nil {
		return nil, badCommitment(tag.TransactionUID, "no data set")
	}
	b, err := io.ReadAll(io.LimitReader(rq.Data, maxCommitment+1))
	if err != nil {
		return nil, &refused{dimse.ProcessingFailure, "data set was cut off", 0}
	}
	ts, ok := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	if !ok {
		return nil, &refused{dimse.ProcessingFailure, "unknown transfer syntax", 0}
	}
	if len(b) > maxCommitment {
		return nil, &refused{dimse.ResourceLimitation, "data set is too long", 0}
	}
	set, err := dataset.Parse(b, ts, dataset.Limits{Elements: 8 * maxCommitmentItems})
	if err != nil {
		return nil, &refused{dimse.ProcessingFailure, strings.TrimPrefix(err.Error(), "dataset: "), 0}
	}
	return commitmentOf(set)
}

// commitmentOf checks what is asked for. A reference that stands there twice counts once.
func commitmentOf(set *dataset.Set) (*storage.Commitment, error) {
	c := &storage.Commitment{Transaction: set.UID(tag.TransactionUID)}
	if !c.Transaction.Valid() {
		return nil, badCommitment(tag.TransactionUID, "missing or not a UID")
	}
	list := set.Get(tag.ReferencedSOPSequence)
	if list == nil || len(list.Items) == 0 {
		return nil, badCommitment(tag.ReferencedSOPSequence, "missing or empty")
	}
	if len(list.Items) > maxCommitmentItems {
		return nil, &refused{dimse.ResourceLimitation, fmt.Sprintf("more than %d instances", maxCommitmentItems), 0}
	}
	seen := make(map[storage.CommitmentItem]bool, len(list.Items))
	for _, item := range list.Items {
		x := storage.CommitmentItem{SOPClass: item.UID(tag.ReferencedSOPClassUID), SOPInstance: item.UID(tag.ReferencedSOPInstanceUID)}
		switch {
		case !referable(x.SOPClass):
			return nil, badCommitment(tag.ReferencedSOPClassUID, "missing or not a UID")
		case !referable(x.SOPInstance):
			return nil, badCommitment(tag.ReferencedSOPInstanceUID, "missing or not a UID")
		case !seen[x]:
			seen[x] = true
			c.Items = append(c.Items, x)
		}
	}
	return c, nil
}

// referable tells whether an object may be stored under a UID: real ones break PS3.5 9.1, and are taken as they are.
func referable(u dicom.UID) bool {
	return u != "" && len(u) <= 64 && !strings.ContainsFunc(string(u), func(r rune) bool { return r <= ' ' || r > '~' })
}

// report makes the N-EVENT-REPORT of what was checked (PS3.4 J.3.3).
func report(c *storage.Commitment, ae string, syntax *dicom.TransferSyntax) (*dimse.Command, []byte) {
	set := &dataset.Set{}
	set.PutString(tag.TransactionUID, dicom.UI, string(c.Transaction))
	var good, bad []*dataset.Set
	for _, x := range c.Items {
		item := &dataset.Set{}
		item.PutString(tag.ReferencedSOPClassUID, dicom.UI, string(x.SOPClass))
		item.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, string(x.SOPInstance))
		if x.Reason == 0 {
			good = append(good, item)
			continue
		}
		item.PutInt(tag.FailureReason, dicom.US, int64(x.Reason))
		bad = append(bad, item)
	}
	if good != nil {
		set.PutString(tag.RetrieveAETitle, dicom.AE, ae)
		set.Put(dataset.Element{Tag: tag.ReferencedSOPSequence, VR: dicom.SQ, Items: good})
	}
	event := commitmentComplete
	if bad != nil {
		event = commitmentFailures
		set.Put(dataset.Element{Tag: tag.FailedSOPSequence, VR: dicom.SQ, Items: bad})
	}
	return &dimse.Command{
		Field: dimse.NEventReportRQ, AffectedSOPClass: commitmentClass, AffectedSOPInstance: commitmentInstance, EventTypeID: &event,
	}, set.Append(nil, syntax)
}
