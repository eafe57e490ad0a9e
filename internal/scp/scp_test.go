package scp

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/storage"
)

// received is what the tiny Storer remembers of an object.
type received struct {
	storage.Inbound
	sum  [32]byte
	size int64
}

// hasher is a Storer that hashes what it gets.
type hasher struct {
	mu   sync.Mutex
	got  []received
	fail func(storage.Inbound) (storage.Receipt, error)
}

func (h *hasher) Store(_ context.Context, in storage.Inbound) (storage.Receipt, error) {
	if h.fail != nil {
		return h.fail(in)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, in.Body)
	if err != nil {
		return storage.Receipt{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	in.Body = nil
	h.got = append(h.got, received{in, [32]byte(sum.Sum(nil)), n})
	return storage.Receipt{Outcome: storage.Stored}, nil
}

func (h *hasher) all() []received {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]received(nil), h.got...)
}

// start serves on a free port of the loopback interface.
func start(t testing.TB, cfg Config) string {
	t.Helper()
	return startServer(t, New(cfg))
}

func startServer(t testing.TB, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, dimse.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

const ctStorage dicom.UID = "1.2.840.10008.5.1.4.1.1.2"

func associate(addr, calling, called string, contexts ...pdu.ProposedContext) (*dimse.Association, error) {
	if len(contexts) == 0 {
		contexts = []pdu.ProposedContext{{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}}
	}
	return dimse.Dial(context.Background(), addr, dimse.Options{CallingAE: calling, CalledAE: called, Contexts: contexts, Timeouts: dimse.Timeouts{ARTIM: time.Minute}})
}

// TestN19Status: every kind of error has the status of design.md section 5, and a
// comment and offending elements where they are known.
func TestN19Status(t *testing.T) {
	e := func(k halong.Kind, err error) error { return halong.E("storage.Store", k, "1.2.3", err) }
	for _, c := range []struct {
		name    string
		err     error
		receipt storage.Receipt
		want    dimse.Status
		comment string
		tags    []dicom.Tag
	}{
		{"stored", nil, storage.Receipt{}, 0x0000, "", nil},
		{"conflict", e(halong.Conflict, nil), storage.Receipt{}, 0x0000, "", nil},
		{"syntax", e(halong.Invalid, fmt.Errorf("head: %w", &dataset.SyntaxError{Offset: 312, Tag: tag.Rows, Reason: "length is odd"})), storage.Receipt{}, 0xC000, "(0028,0010) at offset 312: length is odd", []dicom.Tag{tag.Rows}},
		{"missing", e(halong.Invalid, errors.New("(0020,000D) is missing")), storage.Receipt{}, 0xC000, "(0020,000D) is missing", nil},
		{"disagree", e(halong.Invalid, fmt.Errorf("%w: x", storage.ErrDisagree)), storage.Receipt{SOPClass: ctStorage, Identity: storage.Identity{SOP: "9.9"}}, 0xA900, "data set disagrees with command set", []dicom.Tag{tag.SOPInstanceUID}},
		{"long and odd", e(halong.Invalid, errors.New(strings.Repeat("a\\\n", 40))), storage.Receipt{}, 0xC000, strings.Repeat("a??", 21) + "a", nil},
		{"unsupported", e(halong.Unsupported, nil), storage.Receipt{}, 0x0122, "not supported", nil},
		{"not exist", e(halong.NotExist, nil), storage.Receipt{}, 0xA700, "not available", nil},
		{"permission", e(halong.Permission, nil), storage.Receipt{}, 0x0124, "not authorized", nil},
		{"exhausted", e(halong.Exhausted, errors.New("/var/lib/secret: no space")), storage.Receipt{}, 0xA700, "out of resources", nil},
		{"transient", e(halong.Transient, nil), storage.Receipt{}, 0xA700, "temporarily unavailable", nil},
		{"corrupt", e(halong.Corrupt, nil), storage.Receipt{}, 0xA700, "internal failure", nil},
		{"internal", errors.New("anything"), storage.Receipt{}, 0xA700, "internal failure", nil},
	} {
		h := &hasher{fail: func(storage.Inbound) (storage.Receipt, error) { return c.receipt, c.err }}
		a, err := associate(start(t, Config{Storer: h}), "CT1", "HALONG")
		if err != nil {
			t.Fatal(err)
		}
		resp, err := a.Store(context.Background(), ctStorage, "1.2.3", dicom.ExplicitVRLittleEndian, strings.NewReader(strings.Repeat("x", 70_000)))
		if resp == nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if resp.Status != c.want || resp.ErrorComment != c.comment {
			t.Errorf("%s: %v %q, want %v %q", c.name, resp.Status, resp.ErrorComment, c.want, c.comment)
		}
		if d := cmp.Diff(c.tags, resp.OffendingElements); d != "" {
			t.Error(c.name, d)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}
}

// TestN24Policy: AE titles with spaces and case, addresses, facilities.
func TestN24Policy(t *testing.T) {
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	peers := access.Peers{
		{AE: "CT1", Net: loopback, Facility: "BV1"},
		{AE: "ABCDEFGHIJKLMNOP", Facility: "BV2"},
		{AE: "MR 2", Net: netip.MustParsePrefix("10.1.0.0/16"), Facility: "BV3"},
		{AE: "ANY"},
	}
	for _, c := range []struct {
		calling, called string
		check           bool
		peers           access.Peers
		want            *pdu.Reject
		facility        halong.Facility
	}{
		{"CT1", "WHOEVER", false, peers, nil, "BV1"},
		{"  CT1 ", "HALONG", true, peers, nil, "BV1"},
		{"ABCDEFGHIJKLMNOP", "HALONG", true, peers, nil, "BV2"},
		{"ANY", "HALONG", true, peers, nil, "home"},
		{"ct1", "HALONG", true, peers, &pdu.RejectCallingAE, ""},
		{"MR 2", "HALONG", true, peers, &pdu.RejectCallingAE, ""}, // from the wrong address
		{"OTHER", "HALONG", true, peers, &pdu.RejectCallingAE, ""},
		{"CT1", "halong", true, peers, &pdu.RejectCalledAE, ""},
		{"CT1", "", true, peers, &pdu.RejectCalledAE, ""},
		{"OTHER", "X", false, nil, nil, "home"},
	} {
		h := &hasher{}
		addr := start(t, Config{Storer: h, AE: "HALONG", CheckCalledAE: c.check, Peers: c.peers, Facility: "home"})
		a, err := associate(addr, c.calling, c.called)
		var rj *pdu.Reject
		if errors.As(err, &rj); cmp.Diff(c.want, rj) != "" {
			t.Errorf("%q to %q: %v, want %v", c.calling, c.called, err, c.want)
		}
		if err != nil {
			continue
		}
		if _, err := a.Store(context.Background(), ctStorage, "1.2.3", dicom.ExplicitVRLittleEndian, strings.NewReader("ab")); err != nil {
			t.Error(err)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
		want := received{storage.Inbound{
			Facility: c.facility, Source: halong.Source{Protocol: "C-STORE", Peer: strings.TrimSpace(c.calling), Address: "127.0.0.1"},
			TransferSyntax: dicom.ExplicitVRLittleEndian, SOPClass: ctStorage, SOPInstance: "1.2.3",
		}, sha256.Sum256([]byte("ab")), 2}
		if d := cmp.Diff([]received{want}, h.all(), cmp.AllowUnexported(received{})); d != "" {
			t.Error(d)
		}
	}
}

// TestServedClasses: every Storage SOP Class of the standard with every transfer syntax that
// carries pixels; unknown classes as configured; nothing else.
func TestServedClasses(t *testing.T) {
	for _, reject := range []bool{false, true} {
		m := New(Config{RejectUnknown: reject}).mux()
		for _, class := range dicom.StorageSOPClasses() {
			for _, ts := range dicom.TransferSyntaxes() {
				want := pdu.Acceptance
				if !ts.Pixels {
					want = pdu.TransferSyntaxesNotSupported
				}
				checkContext(t, m, class.UID, ts.UID, want)
			}
		}
		unknown := pdu.Acceptance
		if reject {
			unknown = pdu.AbstractSyntaxNotSupported
		}
		for class, want := range map[dicom.UID]pdu.Result{
			"1.2.826.0.1.3680043.2.1": unknown, "2.25.1234": unknown, "1.2.840.10008.5.1.4.1.1.999.1": unknown,
			"1.2.840.10008.5.1.4.1.2.2.1": pdu.AbstractSyntaxNotSupported, // Study Root C-FIND
			"1.2.840.10008.1.3.10":        pdu.AbstractSyntaxNotSupported, // Media Storage Directory
			"1.2.840.10008.1.20.1":        pdu.AbstractSyntaxNotSupported, // Storage Commitment
			"1.2.840.10008.3.1.1.1":       pdu.AbstractSyntaxNotSupported, // the application context
			"1.2.840.10008.1.2.1":         pdu.AbstractSyntaxNotSupported, // a transfer syntax
			"":                            pdu.AbstractSyntaxNotSupported,
			dicom.VerificationSOPClass:    pdu.Acceptance,
		} {
			checkContext(t, m, class, dicom.ExplicitVRLittleEndian, want)
		}
		checkContext(t, m, ctStorage, "1.2.840.113619.5.2", pdu.TransferSyntaxesNotSupported) // GE's private one
		checkContext(t, m, dicom.VerificationSOPClass, "1.2.840.10008.1.2.4.50", pdu.TransferSyntaxesNotSupported)
	}
}

func checkContext(t *testing.T, m *dimse.Mux, class, ts dicom.UID, want pdu.Result) {
	t.Helper()
	r := m.Negotiate(&pdu.AssociateRQ{Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: class, TransferSyntaxes: []dicom.UID{ts}}}})
	if r[0].Result != want {
		t.Errorf("%s with %s: %v, want %v", class, ts, r[0].Result, want)
	}
}

// TestOddRequests: requests that are well-formed but not C-STORE of a served class with a data set.
func TestOddRequests(t *testing.T) {
	h := &hasher{}
	a, err := associate(start(t, Config{Storer: h, RejectUnknown: true}), "CT1", "HALONG",
		pdu.ProposedContext{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
		pdu.ProposedContext{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		context uint8
		rq      dimse.Command
		body    io.Reader
		want    dimse.Status
	}{
		{1, dimse.Command{Field: dimse.CEchoRQ, AffectedSOPClass: ctStorage}, nil, dimse.UnrecognizedOperation},
		{1, dimse.Command{Field: dimse.NCreateRQ, AffectedSOPClass: ctStorage}, strings.NewReader("ab"), dimse.UnrecognizedOperation},
		{1, dimse.Command{Field: dimse.CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2"}, nil, dimse.CannotUnderstand},
		{1, dimse.Command{Field: dimse.CStoreRQ, AffectedSOPClass: "1.2.3", AffectedSOPInstance: "1.2"}, strings.NewReader("ab"), dimse.SOPClassNotSupported},
		{3, dimse.Command{Field: dimse.CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2"}, strings.NewReader("ab"), dimse.UnrecognizedOperation},
		{3, dimse.Command{Field: dimse.CEchoRQ, AffectedSOPClass: dicom.VerificationSOPClass}, nil, dimse.Success},
	} {
		resp, err := a.Call(context.Background(), c.context, &c.rq, c.body, nil)
		if err != nil {
			t.Fatalf("%v: %v", c.rq.Field, err)
		}
		if resp.Status != c.want {
			t.Errorf("%v: %v, want %v", c.rq.Field, resp.Status, c.want)
		}
	}
	if n := len(h.all()); n != 0 {
		t.Errorf("%d stored", n)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// counts is a Metrics.
type counts struct {
	mu   sync.Mutex
	seen []string
}

func (c *counts) note(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, s)
}

func (c *counts) AssociationOpened()                          { c.note("opened") }
func (c *counts) AssociationClosed()                          { c.note("closed") }
func (c *counts) AssociationRefused()                         { c.note("refused") }
func (c *counts) Answered(op, status string, _ time.Duration) { c.note(op + " " + status) }

func TestMetrics(t *testing.T) {
	c := &counts{}
	t.Run("serve", func(t *testing.T) {
		addr := start(t, Config{Storer: &hasher{}, Metrics: c, AE: "HALONG", CheckCalledAE: true})
		if _, err := associate(addr, "CT1", "OTHER"); err == nil {
			t.Error("accepted")
		}
		a, err := associate(addr, "CT1", "HALONG")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []dimse.CommandField{dimse.CStoreRQ, 0x0777} {
			if _, err := a.Call(context.Background(), 1, &dimse.Command{Field: f, AffectedSOPClass: ctStorage}, strings.NewReader("ab"), nil); err != nil {
				t.Error(err)
			}
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
	}) // the server is shut down: every count is in
	want := map[string]int{"refused": 1, "opened": 1, "closed": 1, "C-STORE 0000": 1, "other 0211": 1}
	got := map[string]int{}
	for _, s := range c.seen {
		got[s]++
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
