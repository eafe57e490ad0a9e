package scp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/access"
)

// knowing is a Verifier of two assertions; it cannot say anything of others at the moment.
type knowing struct{}

func (knowing) Verify(_ context.Context, c *access.Claim) (*access.Identity, error) {
	switch string(c.Primary) {
	case "bv2":
		return &access.Identity{Name: "binh", Facility: "BV2", Response: []byte("welcome")}, nil
	case "plain":
		return &access.Identity{Name: "chi"}, nil
	case "forged":
		return nil, access.ErrUnverified
	}
	return nil, access.ErrUnavailable
}

// TestN24Facilities: who comes in, whose what it stores is, and what it sees, by called AE title, allow-list, certificate,
// promiscuous mode and user.
func TestN24Facilities(t *testing.T) {
	type list = []halong.Facility
	titles := map[string]halong.Facility{"HALONG_BV1": "BV1", "HALONG_BV2": "BV2"}
	peers := access.Peers{
		{AE: "CT1", Certificate: access.Certificate{Name: "ct1.example"}, Facility: "BV1"},
		{AE: "PACS", Facility: "BV1", Facilities: list{"BV2"}},
		{AE: "LIST", Facilities: list{"BV2", "BV3"}},
		{AE: "FREE"},
	}
	nothing, bv3 := &halong.Scope{}, &halong.Scope{Visible: list{"BV3"}}
	jwt := func(s string) *pdu.UserIdentity {
		return &pdu.UserIdentity{Type: access.IdentityJWT, Primary: []byte(s)}
	}
	over := func(cn string, verified bool) *tls.ConnectionState {
		c := &x509.Certificate{Raw: []byte(cn), Subject: pkix.Name{CommonName: cn}}
		s := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
		if verified {
			s.VerifiedChains = [][]*x509.Certificate{{c}}
		}
		return s
	}
	for _, c := range []struct {
		name            string
		peers           access.Peers
		strangers       *halong.Scope
		check, required bool
		calling, called string
		tls             *tls.ConnectionState
		identity        *pdu.UserIdentity
		want            *pdu.Reject
		facility        halong.Facility
		scope           halong.Scope
	}{
		{name: "open", calling: "X", called: "Y", facility: "home", scope: halong.Scope{Own: "home", All: true}},
		{name: "open, by title", calling: "X", called: "HALONG_BV1", facility: "BV1", scope: halong.Scope{Own: "BV1", All: true}},
		{name: "title of ours", check: true, calling: "X", called: "HALONG", facility: "home", scope: halong.Scope{Own: "home", All: true}},
		{name: "title of a facility", check: true, calling: "X", called: "HALONG_BV2", facility: "BV2", scope: halong.Scope{Own: "BV2", All: true}},
		{name: "no title of ours", check: true, calling: "X", called: "HALONG_BV3", want: &pdu.RejectCalledAE},
		{name: "title's case", check: true, calling: "X", called: "halong_bv2", want: &pdu.RejectCalledAE},

		{name: "certificate", peers: peers, calling: "CT1", called: "HALONG", tls: over("ct1.example", true), facility: "BV1", scope: halong.Scope{Own: "BV1"}},
		{name: "certificate nobody vouches for", peers: peers, calling: "CT1", called: "HALONG", tls: over("ct1.example", false), want: &pdu.RejectCallingAE},
		{name: "another certificate", peers: peers, calling: "CT1", called: "HALONG", tls: over("ct2.example", true), want: &pdu.RejectCallingAE},
		{name: "anonymous TLS", peers: peers, calling: "CT1", called: "HALONG", tls: &tls.ConnectionState{}, want: &pdu.RejectCallingAE},
		{name: "without TLS", peers: peers, calling: "CT1", called: "HALONG", want: &pdu.RejectCallingAE},

		{name: "first facility", peers: peers, calling: "PACS", called: "HALONG", facility: "BV1", scope: halong.Scope{Own: "BV1", Visible: list{"BV2"}}},
		{name: "second, by title", peers: peers, calling: "PACS", called: "HALONG_BV2", facility: "BV2", scope: halong.Scope{Own: "BV2", Visible: list{"BV1"}}},
		{name: "none of its own", peers: peers, calling: "LIST", called: "HALONG_BV1", want: &pdu.RejectCalledAE},
		{name: "first of a list", peers: peers, calling: "LIST", called: "HALONG", facility: "BV2", scope: halong.Scope{Own: "BV2", Visible: list{"BV3"}}},
		{name: "line without facility", peers: peers, calling: "FREE", called: "HALONG", facility: "home", scope: halong.Scope{Own: "home"}},
		{name: "line without facility, by title", peers: peers, calling: "FREE", called: "HALONG_BV1", facility: "BV1", scope: halong.Scope{Own: "BV1"}},

		{name: "stranger", peers: peers, calling: "X", called: "HALONG", want: &pdu.RejectCallingAE},
		{name: "promiscuous", peers: peers, strangers: nothing, calling: "X", called: "HALONG", facility: "home"},
		{name: "promiscuous with a title", peers: peers, strangers: bv3, calling: "X", called: "HALONG_BV1", facility: "BV1", scope: *bv3},
		{name: "promiscuous, listed", peers: peers, strangers: nothing, calling: "PACS", called: "HALONG", facility: "BV1", scope: halong.Scope{Own: "BV1", Visible: list{"BV2"}}},
		{name: "promiscuous, pretending", peers: peers, strangers: nothing, calling: "CT1", called: "HALONG", facility: "home"},
		{name: "promiscuous without a list", strangers: nothing, calling: "X", called: "HALONG", facility: "home"},

		{name: "user", peers: peers, calling: "FREE", called: "HALONG", identity: jwt("bv2"), facility: "BV2", scope: halong.Scope{Own: "BV2"}},
		{name: "user over the peer's", peers: peers, calling: "PACS", called: "HALONG", identity: jwt("bv2"), facility: "BV2", scope: halong.Scope{Own: "BV2"}},
		{name: "user elsewhere", peers: peers, calling: "PACS", called: "HALONG_BV1", identity: jwt("bv2"), want: &pdu.RejectCalledAE},
		{name: "user without facilities", peers: peers, calling: "PACS", called: "HALONG", identity: jwt("plain"), facility: "BV1", scope: halong.Scope{Own: "BV1", Visible: list{"BV2"}}},
		{name: "user of an open gateway", calling: "X", called: "HALONG", identity: jwt("bv2"), facility: "BV2", scope: halong.Scope{Own: "BV2"}},
		{name: "user without facilities, open", calling: "X", called: "HALONG", identity: jwt("plain"), facility: "home", scope: halong.Scope{Own: "home", All: true}},
		{name: "strange user", strangers: nothing, calling: "X", called: "HALONG", identity: jwt("bv2"), facility: "BV2", scope: halong.Scope{Own: "BV2"}},
		{name: "user does not help", peers: peers, calling: "X", called: "HALONG", identity: jwt("bv2"), want: &pdu.RejectCallingAE},
		{name: "forged", calling: "X", called: "HALONG", identity: jwt("forged"), want: &pdu.RejectACSENoReason},
		{name: "cannot be checked", calling: "X", called: "HALONG", identity: jwt("?"), want: &pdu.Reject{Result: 2, Source: 2, Reason: 1}},
		{name: "no user", required: true, calling: "X", called: "HALONG", want: &pdu.RejectACSENoReason},
	} {
		var log bytes.Buffer
		s := New(Config{
			AE: "HALONG", Titles: titles, CheckCalledAE: c.check, Peers: c.peers, Strangers: c.strangers, Facility: "home",
			Identities: &access.Identities{Required: c.required, Verifier: knowing{}}, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		rq := &pdu.AssociateRQ{CallingAE: c.calling, CalledAE: c.called}
		rq.User.Identity = c.identity
		from := dimse.Peer{Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 4}, TLS: c.tls}
		a, rj := s.admit(context.Background(), from, rq)
		if d := cmp.Diff(c.want, rj); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if rj != nil {
			continue
		}
		x := a.Session.(*session)
		if d := cmp.Diff(c.scope, x.scope); x.facility != c.facility || d != "" {
			t.Errorf("%s: of %s, want %s; sees %s", c.name, x.facility, c.facility, d)
		}
		if (a.Identity != nil) != (c.identity != nil) {
			t.Errorf("%s: server response %q", c.name, a.Identity)
		}
	}
}

// TestUserRefusedQuietly: the log tells who was refused and why, not with which secret.
func TestUserRefusedQuietly(t *testing.T) {
	var log bytes.Buffer
	s := New(Config{Identities: &access.Identities{Verifier: knowing{}}, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	rq := &pdu.AssociateRQ{CallingAE: "WS1"}
	rq.User.Identity = &pdu.UserIdentity{Type: access.IdentitySAML, Primary: []byte("forged")}
	if _, rj := s.admit(context.Background(), dimse.Peer{}, rq); rj == nil {
		t.Fatal("let in")
	}
	if l := log.String(); strings.Contains(l, "forged") || !strings.Contains(l, "WS1") || !strings.Contains(l, "type=4") {
		t.Error(l)
	}
}

// TestPromiscuousSeesNothing: to those who may see nothing, a query is refused; it does not say that there is nothing.
func TestPromiscuousSeesNothing(t *testing.T) {
	for _, c := range []struct {
		sees *halong.Scope
		want dimse.Status
	}{{&halong.Scope{}, dimse.NotAuthorized}, {&halong.Scope{Visible: []halong.Facility{"BV1"}}, dimse.Success}} {
		served := 0
		inner := serviceFunc(func() dimse.Response { served++; return dimse.Answer(dimse.Success) })
		m := &dimse.Mux{}
		m.Handle(dicom.VerificationSOPClass, dimse.Offer{Service: forSeeing{inner}, Accepts: nativeSyntax})
		s := New(Config{Strangers: c.sees})
		s.dimse.Mux = m
		addr := startServer(t, s)
		a, err := associate(addr, "X", "HALONG", pdu.ProposedContext{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}})
		if err != nil {
			t.Fatal(err)
		}
		pc, _ := a.Find(dicom.VerificationSOPClass, "")
		resp, err := a.Call(context.Background(), pc.ID, &dimse.Command{Field: dimse.CEchoRQ, AffectedSOPClass: dicom.VerificationSOPClass}, nil, nil)
		if err != nil || resp.Status != c.want || (served == 1) != (c.want == dimse.Success) {
			t.Errorf("%v: %v, %v, served %d times", *c.sees, resp, err, served)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
}

type serviceFunc func() dimse.Response

func (f serviceFunc) Serve(context.Context, *dimse.Request) dimse.Response { return f() }
