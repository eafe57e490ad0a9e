package scp

import (
	"context"
	"errors"
	"slices"

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
	title    string       // our AE title that it calls, if that is a facility's

	// Storage Commitment, used by the goroutine that serves the Association.
	looked, mayCommit bool    // whether that was negotiated was looked up, and whether it was
	commitments       []int64 // asked for on this Association and not reported yet
	caughtUp          bool    // reports of earlier Associations were given
}

// rejectIdentity refuses a user (PS3.7 D.3.3.7: rejected-permanent, by the ACSE related service provider); rejectForNow does
// where the identity could not be checked.
var (
	rejectIdentity = pdu.RejectACSENoReason
	rejectForNow   = pdu.Reject{Result: pdu.RejectedTransient, Source: pdu.SourceProviderACSE, Reason: pdu.RejectACSENoReason.Reason}
)

// admit is the access policy: our AE title, then the allow-list, then the user. AE titles are compared without spaces around
// them, and with case (PS3.5 6.2).
func (s *Server) admit(ctx context.Context, from dimse.Peer, rq *pdu.AssociateRQ) (dimse.Admission, *pdu.Reject) {
	called, titled := s.cfg.Titles[rq.CalledAE]
	if s.cfg.CheckCalledAE && !titled && rq.CalledAE != s.cfg.AE {
		return refuse(pdu.RejectCalledAE)
	}
	x := &session{source: halong.Source{Protocol: "C-STORE", Peer: rq.CallingAE}}
	if titled {
		x.title = rq.CalledAE
	}
	caller := callerOf(from, rq)
	if caller.Addr.IsValid() {
		x.source.Address = caller.Addr.String()
	}
	peer, known := s.cfg.Peers.Match(caller)
	if !known && s.cfg.Strangers == nil {
		return refuse(pdu.RejectCallingAE)
	}
	user, err := s.identify(ctx, x, rq)
	if err != nil {
		return refuse(s.refusal(x, rq.User.Identity, err))
	}
	admission := dimse.Admission{Session: x}
	given, listed := ownFirst(peer.Facility, peer.Facilities), known && len(s.cfg.Peers) > 0
	if user != nil {
		admission.Identity = append([]byte{}, user.Response...)
		if own := ownFirst(user.Facility, user.Facilities); len(own) > 0 {
			given, listed = own, true
		}
	}
	switch {
	case listed:
		if !x.place(given, called, s.cfg.Facility) {
			return refuse(pdu.RejectCalledAE)
		}
	case s.cfg.Strangers != nil:
		x.facility, x.scope = either(called, s.cfg.Facility), *s.cfg.Strangers
	default: // without an allow-list nobody is told apart
		x.facility = either(called, s.cfg.Facility)
		x.scope = halong.Scope{Own: x.facility, All: true}
	}
	return admission, nil
}

// callerOf is what the allow-list is asked about.
func callerOf(from dimse.Peer, rq *pdu.AssociateRQ) access.Caller {
	c := access.Caller{AE: rq.CallingAE, Addr: access.Address(from.Addr)}
	if from.TLS != nil && len(from.TLS.PeerCertificates) > 0 {
		c.Shown, c.Verified = from.TLS.PeerCertificates[0], len(from.TLS.VerifiedChains) > 0
	}
	return c
}

func refuse(r pdu.Reject) (dimse.Admission, *pdu.Reject) { return dimse.Admission{}, &r }

// ownFirst gives the facilities of a line of the allow-list, or of a user, its own first.
func ownFirst(own halong.Facility, others []halong.Facility) (list []halong.Facility) {
	if own != "" {
		list = append(list, own)
	}
	return append(list, others...)
}

func either(first, second halong.Facility) halong.Facility {
	if first != "" {
		return first
	}
	return second
}

// place says where what the peer stores belongs, and what it sees: the facilities it was given, or else the one whose AE title it
// calls. It is false when it calls that of a facility that is none of its own.
func (x *session) place(given []halong.Facility, called, fallback halong.Facility) bool {
	if len(given) == 0 {
		given = []halong.Facility{either(called, fallback)}
	}
	x.facility = either(called, given[0])
	if !slices.Contains(given, x.facility) {
		return false
	}
	x.scope.Own = x.facility
	for _, f := range given {
		if f != x.facility {
			x.scope.Visible = append(x.scope.Visible, f)
		}
	}
	return true
}

// identify finds out which user it is; nil when none is known.
func (s *Server) identify(ctx context.Context, x *session, rq *pdu.AssociateRQ) (*access.Identity, error) {
	var claim *access.Claim
	if id := rq.User.Identity; id != nil {
		claim = &access.Claim{
			Type: id.Type, Primary: id.Primary, Secondary: id.Secondary,
			CallingAE: rq.CallingAE, CalledAE: rq.CalledAE, Address: x.source.Address,
		}
	}
	user, err := s.cfg.Identities.Identify(ctx, claim)
	if user != nil && err == nil {
		s.cfg.Log.Debug("user identified", "user", user.Name, "calling", rq.CallingAE, "address", x.source.Address)
	}
	return user, err
}

// refusal tells the log why a user is refused, and gives what the peer is told, which is not that.
func (s *Server) refusal(x *session, id *pdu.UserIdentity, err error) pdu.Reject {
	kind := uint8(0)
	if id != nil {
		kind = id.Type
	}
	s.cfg.Log.Warn("user refused", "calling", x.source.Peer, "address", x.source.Address, "type", kind, "error", err)
	if errors.Is(err, access.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return rejectForNow
	}
	return rejectIdentity
}

// forSeeing is a Service for those who may see anything at all. To others an empty answer would say that there is nothing.
type forSeeing struct{ dimse.Service }

// Serve implements dimse.Service.
func (s forSeeing) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	x, ok := rq.Association.Session.(*session)
	if !ok || !x.scope.All && x.scope.Own == "" && len(x.scope.Visible) == 0 {
		return dimse.Answer(dimse.NotAuthorized)
	}
	return s.Service.Serve(ctx, rq)
}
