package scp

import (
	"context"
	"log/slog"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/storage"
)

// verification serves C-ECHO (PS3.4 A).
type verification struct{}

// Serve implements dimse.Service.
func (verification) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	if rq.Command.Field != dimse.CEchoRQ {
		return dimse.Answer(dimse.UnrecognizedOperation)
	}
	return dimse.Answer(dimse.Success)
}

// storageService serves C-STORE (PS3.4 B).
type storageService struct {
	storer Storer
	log    *slog.Logger
	serves func(dicom.UID) bool
}

// Serve implements dimse.Service.
func (s *storageService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	c := rq.Command
	switch {
	case c.Field != dimse.CStoreRQ:
		// C-ECHO in a storage context, for instance: "not one of those agreed between the DIMSE-service-users" (PS3.7 10.1.2.1.9). SOP
		// Class Not Supported would be wrong: the class of the context is supported, and so may Verification be, in a context of its own.
		return dimse.Answer(dimse.UnrecognizedOperation)
	case c.AffectedSOPClass != rq.Context.AbstractSyntax && !s.serves(c.AffectedSOPClass):
		return dimse.Answer(dimse.SOPClassNotSupported)
	case rq.Data == nil:
		resp := dimse.Answer(dimse.CannotUnderstand)
		resp.ErrorComment = "C-STORE-RQ without a data set"
		return resp
	}
	peer, ok := rq.Association.Session.(*session)
	if !ok {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	in := storage.Inbound{
		Facility: peer.facility, Source: peer.source, TransferSyntax: rq.Context.TransferSyntax,
		SOPClass: c.AffectedSOPClass, SOPInstance: c.AffectedSOPInstance, Body: rq.Data,
	}
	receipt, err := s.storer.Store(ctx, in)
	if err == nil && receipt.Coerced {
		resp := dimse.Answer(dimse.CoercionOfElements)
		resp.ErrorComment, resp.OffendingElements = "coercion of data elements", receipt.Changed
		return resp
	}
	if err == nil {
		return dimse.Answer(dimse.Success)
	}
	resp := refusal(in, receipt, err)
	if halong.KindOf(err) != halong.Conflict {
		s.log.Warn("object not stored", "status", resp.Status.String(), "peer", peer.source.Peer,
			"sop", c.AffectedSOPInstance.Loggable(), "error", err)
	}
	return resp
}
