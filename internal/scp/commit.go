package scp

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/storage"
)

// commitService serves the Storage Commitment Push Model (PS3.4 J.3): as its SCP it takes requests, what came of which is told by
// committer; as an SCU it takes the reports of commitments that others were asked for.
type commitService struct {
	committer *committer    // nil for none
	reports   dimse.Service // of N-EVENT-REPORT; nil for none
}

// Serve implements dimse.Service.
func (s *commitService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	switch f := rq.Command.Field; {
	case f == dimse.NEventReportRQ && s.reports != nil:
		return s.reports.Serve(ctx, rq)
	case f == dimse.NActionRQ && s.committer != nil:
		return s.take(ctx, rq)
	}
	return dimse.Answer(dimse.UnrecognizedOperation)
}

// take takes a request. Success is answered when it is durable.
func (s *commitService) take(ctx context.Context, rq *dimse.Request) dimse.Response {
	peer, ok := rq.Association.Session.(*session)
	if !ok {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	asked, err := commitment.ReadAction(rq)
	var id int64
	if err == nil {
		id, err = s.committer.add(ctx, asked, peer)
	}
	if err != nil {
		s.committer.log.Warn("storage commitment refused", "peer", peer.source.Peer, "error", err)
		resp := commitmentRefusal(err)
		resp.ActionTypeID = rq.Command.ActionTypeID
		return resp
	}
	s.committer.attach(id)
	peer.commitments = append(peer.commitments, id)
	s.committer.poke()
	return commitment.Taken(rq)
}

// commitmentRefusal is the one map from errors to the statuses of N-ACTION (PS3.4 J.3.2.1.4).
func commitmentRefusal(err error) dimse.Response {
	e := &commitment.Error{Status: dimse.ProcessingFailure, Reason: "internal failure"}
	switch {
	case errors.As(err, &e):
	case halong.KindOf(err) == halong.Conflict:
		e.Status, e.Reason = dimse.InvalidArgumentValue, "transaction UID is in use for other instances"
	case halong.KindOf(err) == halong.Exhausted:
		e.Status, e.Reason = dimse.ResourceLimitation, "out of resources"
	}
	return e.Response()
}

// report makes what is told of what was checked.
func report(c *storage.Commitment, ae string) *commitment.Report {
	r := &commitment.Report{Transaction: c.Transaction, RetrieveAE: ae}
	for _, x := range c.Items {
		ref := commitment.Reference{SOPClass: x.SOPClass, SOPInstance: x.SOPInstance}
		if x.Reason == 0 {
			r.Committed = append(r.Committed, ref)
		} else {
			r.Failed = append(r.Failed, commitment.Failure{Reference: ref, Reason: commitment.Reason(x.Reason)})
		}
	}
	return r
}
