package pdu

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
)

// unhex reads hexadecimal digits; what follows a # on a line tells their meaning.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const requestHex = `
01 00 000000f4               # A-ASSOCIATE-RQ, 244 bytes follow
0001 0000                    # protocol version 1, reserved
48414c4f4e4720202020202020202020 # called "HALONG", filled with spaces
20204354312020202020202020202020 # calling "CT1" after two spaces
0000000000000000000000000000000000000000000000000000000000000000
10 00 0015 312e322e3834302e31303030382e332e312e312e31 # application context
20 00 0032                   # presentation context
  01 00 00 00                # ID 1
  30 00 0011 312e322e3834302e31303030382e312e31 # Verification
  40 00 0011 312e322e3834302e31303030382e312e32 # Implicit VR Little Endian
  40 00 0000                 # an empty transfer syntax
50 00 005d                   # user information
  51 00 0004 00004000        # maximum length 16384
  52 00 0003 312e32          # implementation class 1.2
  53 00 0004 0002 0003       # asynchronous operations 2, 3
  54 00 0007 0003 312e33 01 00 # role selection of 1.3: SCU, not SCP
  55 00 0004 56312020        # implementation version "V1"
  56 00 0007 0003 312e34 0102 # extended negotiation of 1.4: 01 02
  57 00 0011 0003 312e35 0003 312e36 0005 0003 312e37 # common extended: 1.5, service class 1.6, related 1.7
  58 00 0009 02 01 0001 61 0002 6263 # user identity: "a" with passcode "bc", response wanted
  7f 00 0002 aabb            # unknown sub-item
`

var request = AssociateRQ{
	ProtocolVersion: 1, CalledAE: "HALONG", CallingAE: "CT1", ApplicationContext: ApplicationContext,
	Contexts: []ProposedContext{{1, dicom.VerificationSOPClass, []dicom.UID{dicom.ImplicitVRLittleEndian, ""}}},
	User: UserInformation{
		MaxLength: 16384, HasMaxLength: true, ImplementationClass: "1.2", ImplementationVersion: "V1",
		Async: &AsyncOperations{2, 3}, Roles: []RoleSelection{{"1.3", true, false}},
		Extended:       []ExtendedNegotiation{{"1.4", []byte{1, 2}}},
		CommonExtended: []CommonExtendedNegotiation{{0, "1.5", "1.6", []dicom.UID{"1.7"}}},
		Identity:       &UserIdentity{2, true, []byte("a"), []byte("bc")},
	},
}

func TestAssociateRQ(t *testing.T) {
	b := unhex(t, requestHex)
	h := ParseHeader(b)
	if int(h.Length) != len(b)-HeaderLength {
		t.Fatalf("the example says length %d and has %d", h.Length, len(b)-HeaderLength)
	}
	if err := h.Check(); err != nil {
		t.Fatal(err)
	}
	rq, err := ParseAssociateRQ(b[HeaderLength:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&request, rq); d != "" {
		t.Error(d)
	}
	again, err := ParseAssociateRQ(rq.Append(nil)[HeaderLength:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rq, again); d != "" {
		t.Error("encoded and decoded again:", d)
	}
}

func TestAssociateAC(t *testing.T) {
	ac := &AssociateAC{
		ProtocolVersion: 1, CalledAE: "HALONG", CallingAE: "CT1", ApplicationContext: ApplicationContext,
		Contexts: []ContextResult{{1, Acceptance, dicom.ExplicitVRLittleEndian}, {3, AbstractSyntaxNotSupported, ""}, {255, TransferSyntaxesNotSupported, "1.2"}},
		User:     UserInformation{HasMaxLength: true, IdentityResponse: &UserIdentityResponse{[]byte("ticket")}},
	}
	b := ac.Append([]byte("before"))[len("before"):]
	if h := ParseHeader(b); h.Type != TypeAssociateAC || int(h.Length) != len(b)-HeaderLength {
		t.Errorf("header %+v of %d bytes", h, len(b))
	}
	got, err := ParseAssociateAC(b[HeaderLength:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ac, got); d != "" {
		t.Error(d)
	}
}

// TestFixed: every byte of the small PDUs.
func TestFixed(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"reject", RejectLocalLimitExceeded.clone().Append(nil), "03 00 00000004 00 02 03 02"},
		{"abort", (&Abort{AbortByProvider, UnexpectedPDU}).Append(nil), "07 00 00000004 00 00 02 02"},
		{"release", AppendReleaseRQ(nil), "05 00 00000004 00000000"},
		{"released", AppendReleaseRP(nil), "06 00 00000004 00000000"},
		{"data", append(AppendData(nil, PDV{3, true, true, 2}), 0xab, 0xcd), "04 00 00000008 00000004 03 03 abcd"},
	} {
		if d := cmp.Diff(unhex(t, c.want), c.got); d != "" {
			t.Error(c.name, d)
		}
		if err := ParseHeader(c.got).Check(); err != nil {
			t.Error(c.name, err)
		}
	}
	rj, err := ParseReject(unhex(t, "00 01 01 07"))
	if err != nil || *rj != RejectCalledAE {
		t.Errorf("reject: %+v, %v", rj, err)
	}
	// N7 of the hard cases: source 1 is reserved, and tolerated.
	ab, err := ParseAbort(unhex(t, "00 00 01 09"))
	if err != nil || *ab != (Abort{1, 9}) {
		t.Errorf("abort: %+v, %v", ab, err)
	}
	for _, text := range []string{ab.Error(), rj.Error(), (&Reject{9, 9, 9}).Error(), (&Abort{Source: AbortByUser}).Error()} {
		if text == "" {
			t.Error("no text")
		}
	}
}

func (r Reject) clone() *Reject { return &r }

func TestHeaderCheck(t *testing.T) {
	for _, c := range []struct {
		h    Header
		want AbortReason
		ok   bool
	}{
		{Header{TypeData, 6}, 0, true},
		{Header{TypeData, 0xffffffff}, 0, true}, // streamed: a length is only a length
		{Header{TypeData, 5}, InvalidParameterValue, false},
		{Header{TypeAssociateRQ, 67}, InvalidParameterValue, false},
		{Header{TypeAssociateRQ, MaxAssociateLength + 1}, InvalidParameterValue, false},
		{Header{TypeReleaseRQ, 5}, InvalidParameterValue, false},
		{Header{TypeAbort, 0}, InvalidParameterValue, false},
		{Header{0, 4}, UnrecognizedPDU, false},
		{Header{8, 4}, UnrecognizedPDU, false},
		{Header{'G', 4}, UnrecognizedPDU, false},
	} {
		err := c.h.Check()
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.h, err)
		}
		var s *SyntaxError
		if errors.As(err, &s) && s.AbortReason != c.want {
			t.Errorf("%+v: reason %d, want %d", c.h, s.AbortReason, c.want)
		}
	}
}

func TestPDV(t *testing.T) {
	for _, c := range []struct {
		bytes string
		left  uint32
		want  PDV
		bad   string
	}{
		{"00000004 01 03", 8, PDV{1, true, true, 2}, ""},
		{"00000002 ff 00", 6, PDV{255, false, false, 0}, ""}, // an empty fragment
		{"00000005 03 02", 9, PDV{3, false, true, 3}, ""},    // odd length: tolerated when received
		{"00000001 01 03", 8, PDV{}, "without message control header"},
		{"00000005 01 03", 8, PDV{}, "longer than its PDU"},
		{"ffffffff 01 03", 8, PDV{}, "longer than its PDU"},
		{"00000004 02 03", 8, PDV{}, "even"},
		{"00000004 01", 5, PDV{}, "too short"},
	} {
		got, err := ParsePDV(unhex(t, c.bytes), c.left, 6)
		if c.bad == "" && (err != nil || got != c.want) || c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)) {
			t.Errorf("%s: %+v, %v", c.bytes, got, err)
		}
	}
}

// TestBroken: what is wrong with a request is said with its place.
func TestBroken(t *testing.T) {
	whole := unhex(t, requestHex)[HeaderLength:]
	for _, c := range []struct {
		name string
		edit func(b []byte) []byte
		want string
	}{
		{"cut", func(b []byte) []byte { return b[:len(b)-7] }, "cut short"},
		{"fixed part", func(b []byte) []byte { return b[:20] }, "fixed part"},
		{"N3 even ID", func(b []byte) []byte { b[97] = 2; return b }, "even"},
		{"N3 duplicate ID", func(b []byte) []byte { return append(b, b[93:147]...) }, "not unique"},
		{"two abstract syntaxes", func(b []byte) []byte { b[122] = 0x30; return b }, "exactly one abstract syntax"},
		{"no abstract syntax", func(b []byte) []byte { b[101] = 0x40; return b }, "exactly one abstract syntax"},
		{"second user information", func(b []byte) []byte { return append(b, 0x50, 0, 0, 0) }, "second user information"},
	} {
		_, err := ParseAssociateRQ(c.edit(append([]byte(nil), whole...)))
		var s *SyntaxError
		if !errors.As(err, &s) || !strings.Contains(err.Error(), c.want) || s.Offset < HeaderLength {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for i := range whole { // any cut is an error or a shorter request, never a panic
		_, _ = ParseAssociateRQ(whole[:i])
		_, _ = ParseAssociateAC(whole[:i])
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		TypeData.String(): "P-DATA-TF", Type(0).String(): "unrecognized PDU", Type(200).String(): "unrecognized PDU",
		Acceptance.String(): "acceptance", Result(9).String(): "unknown result",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestCheck: what an A-ASSOCIATE-RQ cannot say is found before it is sent.
func TestCheck(t *testing.T) {
	if err := request.Check(); err != nil {
		t.Error(err)
	}
	contexts := func(n int) (list []ProposedContext) {
		for i := range n {
			list = append(list, ProposedContext{ID: uint8(2*i + 1)})
		}
		return list
	}
	for name, c := range map[string]struct {
		rq   AssociateRQ
		want error
	}{
		"N3: 128 contexts":    {AssociateRQ{Contexts: contexts(128)}, nil},
		"N3: 129 contexts":    {AssociateRQ{Contexts: contexts(129)}, errContexts},
		"N3: even ID":         {AssociateRQ{Contexts: []ProposedContext{{ID: 2}}}, errContext},
		"N3: repeated ID":     {AssociateRQ{Contexts: []ProposedContext{{ID: 3}, {ID: 3}}}, errContext},
		"N24: title of 16":    {AssociateRQ{CallingAE: strings.Repeat("A", 16)}, nil},
		"N24: title of 17":    {AssociateRQ{CalledAE: strings.Repeat("A", 17)}, errTitle},
		"identity":            {AssociateRQ{User: UserInformation{Identity: &UserIdentity{Type: 5, Primary: make([]byte, 65_000)}}}, nil},
		"long identity":       {AssociateRQ{User: UserInformation{Identity: &UserIdentity{Type: 5, Primary: make([]byte, 65_536)}}}, errTooLong},
		"long with its items": {AssociateRQ{User: UserInformation{Identity: &UserIdentity{Type: 5, Primary: make([]byte, 65_527)}}}, errTooLong},
		"many items":          {AssociateRQ{User: UserInformation{Roles: make([]RoleSelection, 10_000)}}, errTooLong},
	} {
		if err := c.rq.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargestAssociateRQ: the largest request that anybody could mean is read: 128 Presentation Contexts with the longest SOP Class UIDs there can be,
// each with every Transfer Syntax of PS3.6, and user information that is full.
func TestLargestAssociateRQ(t *testing.T) {
	rq := &AssociateRQ{ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: ApplicationContext}
	var syntaxes []dicom.UID
	for _, ts := range dicom.TransferSyntaxes() {
		syntaxes = append(syntaxes, ts.UID)
	}
	for i := range MaxContexts {
		class := dicom.UID(fmt.Sprintf("2.25.%059d", i+1))
		rq.Contexts = append(rq.Contexts, ProposedContext{ID: uint8(2*i + 1), AbstractSyntax: class, TransferSyntaxes: syntaxes})
	}
	rq.User.Identity = &UserIdentity{Type: 4, Primary: make([]byte, 65_000)}
	if err := rq.Check(); err != nil {
		t.Fatal(err)
	}
	b := rq.Append(nil)
	t.Logf("%d bytes with %d transfer syntaxes", len(b), len(syntaxes))
	if err := ParseHeader(b).Check(); err != nil {
		t.Error(err)
	}
	if len(b) > MaxAssociateLength*3/4 {
		t.Errorf("%d bytes of %d: no room for what later editions add", len(b), MaxAssociateLength)
	}
	got, err := ParseAssociateRQ(b[HeaderLength:])
	if d := cmp.Diff(rq, got); err != nil || d != "" {
		t.Error(err, d)
	}
}
