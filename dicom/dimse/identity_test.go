package dimse

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestUserIdentity: an identity of each type reaches the Policy as it was sent; its answer comes back when the requestor asked for it and
// there is one (PS3.7 D.3.3.7).
func TestUserIdentity(t *testing.T) {
	var seen *pdu.UserIdentity
	var answer []byte
	addr := start(t, &Server{Mux: testMux(&keeper{}), Policy: func(ctx context.Context, _ Peer, rq *pdu.AssociateRQ) (Admission, *pdu.Reject) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the policy may take for ever")
		}
		if seen = rq.User.Identity; seen != nil && string(seen.Secondary) == "wrong" {
			return Admission{}, &pdu.RejectNoReason
		}
		return Admission{Identity: answer}, nil
	}})
	for _, c := range []struct {
		id     *pdu.UserIdentity
		answer []byte
		want   *pdu.UserIdentityResponse
	}{
		{nil, []byte{}, nil},
		{&pdu.UserIdentity{Type: 1, Primary: []byte("Đặng")}, []byte{}, nil},
		{&pdu.UserIdentity{Type: 1, ResponseWanted: true, Primary: []byte("Đặng")}, []byte{}, &pdu.UserIdentityResponse{}},
		{&pdu.UserIdentity{Type: 2, ResponseWanted: true, Primary: []byte("a"), Secondary: []byte("secret")}, nil, nil},
		{&pdu.UserIdentity{Type: 3, ResponseWanted: true, Primary: []byte{0, 1, 2}}, []byte("ticket"), &pdu.UserIdentityResponse{Server: []byte("ticket")}},
		{&pdu.UserIdentity{Type: 4, ResponseWanted: true, Primary: bytes.Repeat([]byte("<saml/>"), 8000)}, []byte("assertion"), &pdu.UserIdentityResponse{Server: []byte("assertion")}},
		{&pdu.UserIdentity{Type: 5, ResponseWanted: true, Primary: []byte("head.claims.signature")}, []byte{}, &pdu.UserIdentityResponse{}},
	} {
		answer = c.answer
		a := dial(t, addr, func(o *Options) { o.User.Identity = c.id })
		if d := cmp.Diff(c.id, seen); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(c.want, a.Peer().IdentityResponse); d != "" {
			t.Errorf("type %+v: %s", c.id, d)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
	if _, err := tryDial(addr, func(o *Options) { o.User.Identity = &pdu.UserIdentity{Type: 2, Secondary: []byte("wrong")} }); err == nil || err.Error() != pdu.RejectNoReason.Error() {
		t.Error(err)
	}
	if _, err := tryDial(addr, func(o *Options) { o.User.Identity = &pdu.UserIdentity{Type: 4, Primary: make([]byte, 65_500)} }); err == nil || !strings.Contains(err.Error(), "65,535") {
		t.Error("an assertion that does not fit:", err)
	}
}
