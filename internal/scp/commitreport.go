package scp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/storage"
)

// commitQuiet is how long a peer must be silent on a new Association before it is told what came of commitments it
// asked for on an earlier one: it may have come with a request of its own.
const commitQuiet = time.Second

// reportTimeouts are those of Associations for reports.
var reportTimeouts = dimse.Timeouts{ARTIM: 15 * time.Second, Network: 30 * time.Second, Response: time.Minute}

// joinSave keeps the first error in front.
func joinSave(err, save error) error { return errors.Join(err, save) }

// report tells the peer on a new Association, with the roles changed (PS3.4 J.3.3, PS3.7 D.3.3.4).
func (x *committer) report(ctx context.Context, c *storage.Commitment) error {
	d := x.destination(c.Peer)
	a, err := dimse.Dial(ctx, d.Address, dimse.Options{
		CallingAE: x.ae, CalledAE: c.Peer, Timeouts: reportTimeouts, Dial: d.Dial,
		Contexts: []pdu.ProposedContext{commitment.Context()},
		User:     pdu.UserInformation{Roles: []pdu.RoleSelection{commitment.Reporter()}, Identity: d.Identity},
	})
	if err == nil {
		if err = commitment.MayTell(a); err == nil {
			err = commitment.Tell(ctx, a, report(c, x.ae))
		}
		release(a)
	}
	return x.told(ctx, c, err)
}

// told saves whether the peer knows.
func (x *committer) told(ctx context.Context, c *storage.Commitment, err error) error {
	if err == nil {
		c.State = storage.CommitmentDone
		x.observe("reported")
		return x.index.SaveCommitment(context.WithoutCancel(ctx), c)
	}
	if ctx.Err() != nil {
		return err // the program ends: the next one goes on
	}
	x.later(c)
	x.log.Warn("storage commitment: the peer could not be told", "peer", c.Peer, "transaction", string(c.Transaction), "attempts", c.Attempts, "again", c.Due, "error", err)
	return x.index.SaveCommitment(ctx, c)
}

// idle reports on an Association that the peer has open, whenever that waits for a request.
func (x *committer) idle(ctx context.Context, a *dimse.Association) error {
	peer, ok := a.Session.(*session)
	if !ok || !peer.commits(a) {
		return nil
	}
	for len(peer.commitments) > 0 {
		id := peer.commitments[0]
		c, err := x.index.Commitment(ctx, id)
		// Who checked it lets go of it a moment after the outcome can be seen.
		if err == nil && (c.State == storage.CommitmentAsked || x.busy(id)) && !a.Wait(ctx, x.checked(id)) {
			return nil // the peer has something to say; it is listened to, and this is tried again
		}
		peer.commitments = peer.commitments[1:]
		err = x.tellOn(ctx, a, id)
		x.detach(id)
		if err != nil {
			return err
		}
	}
	return x.missed(ctx, a, peer)
}

// commits tells whether Storage Commitment was negotiated, with the peer as its SCU: one that proposed to be the SCP alone came
// to report, not to be told.
func (s *session) commits(a *dimse.Association) bool {
	if !s.looked {
		s.looked = true
		_, s.mayCommit = a.Find(commitment.SOPClass, "")
		for _, r := range a.Peer().Roles {
			if r.SOPClass == commitment.SOPClass && !r.SCU {
				s.mayCommit = false
			}
		}
	}
	return s.mayCommit
}

// missed reports once what the peer could not be told before, if it came for that.
func (x *committer) missed(ctx context.Context, a *dimse.Association, peer *session) error {
	if peer.caughtUp {
		return nil
	}
	open, err := x.index.OpenCommitments(ctx)
	if err != nil {
		x.failed(ctx, err)
		return nil
	}
	open = slices.DeleteFunc(open, func(c storage.Commitment) bool {
		return c.State != storage.CommitmentChecked || c.Peer != peer.source.Peer || c.Facility != peer.facility
	})
	if len(open) > 0 {
		quiet := make(chan struct{})
		timer := time.AfterFunc(commitQuiet, func() { close(quiet) })
		defer timer.Stop()
		if !a.Wait(ctx, quiet) {
			return nil
		}
	}
	peer.caughtUp = true
	for _, c := range open {
		if err := x.tellOn(ctx, a, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// tellOn reports on the peer's own Association. The error is one of the Association.
func (x *committer) tellOn(ctx context.Context, a *dimse.Association, id int64) error {
	if !x.claim(id) {
		return nil // it is being told on another
	}
	defer x.release(id)
	c, err := x.index.Commitment(ctx, id)
	if err == nil && c.State != storage.CommitmentChecked {
		return nil
	}
	if err != nil {
		if halong.KindOf(err) != halong.NotExist {
			x.failed(ctx, err)
		}
		return nil
	}
	said := commitment.Tell(ctx, a, report(c, x.ae))
	var status *dimse.StatusError
	if said != nil && !errors.As(said, &status) {
		c.Attempts = 0
		c.Due = x.now() // the Association is over; a new one is tried at once
		x.failed(ctx, joinSave(nil, x.index.SaveCommitment(ctx, c)))
		return said
	}
	x.failed(ctx, x.told(ctx, c, said))
	return nil
}

// left is called when a peer's Association has ended.
func (x *committer) left(a *dimse.Association) {
	peer, ok := a.Session.(*session)
	if !ok {
		return
	}
	for _, id := range peer.commitments {
		x.detach(id)
	}
	peer.commitments = nil
}
