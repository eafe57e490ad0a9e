package scp

import (
	"context"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/access"
)

// session is what is known of the peer of an Association.
type session struct {
	facility halong.Facility
	source   halong.Source
	scope    halong.Scope // what it may see

	// Storage Commitment, used by the goroutine that serves the Association.
	looked, mayCommit bool    // whether that was negotiated was looked up, and whether it was
	commitments       []int64 // asked for on this Association and not reported yet
	caughtUp          bool    // reports of earlier Associations were given
}

// admit is the access policy. AE titles are compared without spaces around
// them, and with case (PS3.5 6.2).
func (s *Server) admit(_ context.Context, from dimse.Peer, rq *pdu.AssociateRQ) (dimse.Admission, *pdu.Reject) {
	if s.cfg.CheckCalledAE && rq.CalledAE != s.cfg.AE {
		r := pdu.RejectCalledAE
		return dimse.Admission{}, &r
	}
	addr := access.Address(from.Addr)
	peer, ok := s.cfg.Peers.Match(access.Caller{AE: rq.CallingAE, Addr: addr})
	if !ok {
		r := pdu.RejectCallingAE
		return dimse.Admission{}, &r
	}
	x := &session{facility: s.cfg.Facility, source: halong.Source{Protocol: "C-STORE", Peer: rq.CallingAE}}
	if addr.IsValid() {
		x.source.Address = addr.String()
	}
	if peer.Facility != "" {
		x.facility = peer.Facility
	}
	// Where peers are known, each sees what is its facility's; without an allow-list nobody is told apart.
	x.scope = halong.Scope{Own: x.facility, All: len(s.cfg.Peers) == 0}
	return dimse.Admission{Session: x}, nil
}
