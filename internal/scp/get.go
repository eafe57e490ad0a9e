package scp

import (
	"context"
	"log/slog"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// getService serves C-GET of one information model (PS3.4 C.4.3).
type getService struct {
	archive Archive
	model   *model
	log     *slog.Logger
}

// Serve implements dimse.Service. Objects for which the peer did not take the SCP role, or has no Presentation Context, are
// failed sub-operations.
func (s *getService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	if rq.Command.Field != dimse.CGetRQ {
		return dimse.Answer(dimse.UnrecognizedOperation)
	}
	x, err := readIdentifier(rq, s.model)
	if err != nil {
		return failure(err)
	}
	r, err := newRetrieval(s.archive, s.log, rq)
	if err == nil {
		err = r.plan(ctx, x)
	}
	if err != nil {
		s.log.Warn("C-GET failed", "peer", rq.Association.CallingAE(), "error", err)
		return r.refuse(err)
	}
	receives := map[dicom.UID]bool{}
	for _, role := range rq.Association.Peer().Roles {
		receives[role.SOPClass] = role.SCP
	}
	sub, stop := running(ctx)
	defer stop()
	to := &sender{retrieval: r, association: rq.Association}
	var items []*item
	for i := range r.items {
		it := &r.items[i]
		if receives[it.pair.SOPClass] {
			items = append(items, it)
		} else if err := r.count(it, subFailed); err != nil {
			return r.conclude(ctx) // the association has ended: the response goes nowhere
		}
	}
	for len(items) > 0 && ctx.Err() == nil {
		var err error
		if items, err = to.send(ctx, sub, items); err != nil {
			break // likewise
		}
	}
	return r.conclude(ctx)
}
