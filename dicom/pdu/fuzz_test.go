package pdu

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzPDU: whatever arrives is decoded or refused; what was decoded, encoded and
// decoded again is the same.
func FuzzPDU(f *testing.F) {
	f.Add(unhex(f, requestHex))
	f.Add((&AssociateAC{
		ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: ApplicationContext,
		Contexts: []ContextResult{{1, Acceptance, "1.2"}}, User: UserInformation{HasMaxLength: true, IdentityResponse: &UserIdentityResponse{}},
	}).Append(nil))
	f.Add(RejectCallingAE.clone().Append(nil))
	f.Add((&Abort{AbortByProvider, InvalidParameterValue}).Append(nil))
	f.Add(AppendReleaseRQ(nil))
	f.Add(append(AppendData(nil, PDV{1, true, false, 4}), 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLength {
			return
		}
		h := ParseHeader(b)
		if h.Check() != nil {
			return
		}
		body := b[HeaderLength:]
		body = body[:min(uint64(len(body)), uint64(h.Length))]
		switch h.Type {
		case TypeAssociateRQ:
			again(t, body, ParseAssociateRQ, (*AssociateRQ).Append)
		case TypeAssociateAC:
			again(t, body, ParseAssociateAC, (*AssociateAC).Append)
		case TypeAssociateRJ:
			again(t, body, ParseReject, (*Reject).Append)
		case TypeAbort:
			again(t, body, ParseAbort, (*Abort).Append)
		case TypeData:
			fuzzData(t, body)
		}
	})
}

func again[T any](t *testing.T, body []byte, parse func([]byte) (*T, error), appendTo func(*T, []byte) []byte) {
	v, err := parse(body)
	if err != nil {
		return
	}
	enc := appendTo(v, nil)
	if err := ParseHeader(enc).Check(); err != nil {
		t.Fatalf("encoded: %v", err)
	}
	w, err := parse(enc[HeaderLength:])
	if err != nil {
		t.Fatalf("encoded: %v", err)
	}
	if d := cmp.Diff(v, w); d != "" {
		t.Fatal(d)
	}
}

func fuzzData(t *testing.T, body []byte) {
	for len(body) >= PDVHeaderLength {
		v, err := ParsePDV(body, uint32(len(body)), 0)
		if err != nil {
			return
		}
		w, err := ParsePDV(v.Append(nil), uint32(len(body)), 0)
		if err != nil || v != w {
			t.Fatalf("%+v, again %+v, %v", v, w, err)
		}
		body = body[PDVHeaderLength+int(v.Length):]
	}
}
