package commitment

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// associate makes an Association with a Server that gives everything to the service.
func associate(t *testing.T, s dimse.Service) *dimse.Association {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &dimse.Mux{}
	m.Handle(SOPClass, dimse.Offer{Service: s, Accepts: func(dicom.UID) bool { return true }, PeerSCP: true})
	server := &dimse.Server{Mux: m}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	a, err := dimse.Dial(t.Context(), l.Addr().String(), dimse.Options{Contexts: []pdu.ProposedContext{Context()}, User: pdu.UserInformation{Roles: []pdu.RoleSelection{Reporter()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close() // the test is over
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return a
}

func status(t *testing.T, err error) dimse.Status {
	t.Helper()
	var s *dimse.StatusError
	switch {
	case err == nil:
		return dimse.Success
	case !errors.As(err, &s):
		t.Fatal(err)
	}
	return s.Status
}

// TestInbox: who expects a report has it, also when it comes twice; others go to Else, which decides what is answered.
func TestInbox(t *testing.T) {
	var others []dicom.UID
	x := &Inbox{Else: func(_ context.Context, a *dimse.Association, r *Report) error {
		if a == nil {
			t.Error("no association")
		}
		others = append(others, r.Transaction)
		switch r.Transaction {
		case "2.25.3":
			return ErrUnknown
		case "2.25.4":
			return errors.New("the disk of NGUYEN is full")
		}
		return nil
	}}
	a := associate(t, x)
	if err := MayTell(a); err != nil {
		t.Fatal(err)
	}
	e := x.Expect("2.25.1")
	if e.Report() != nil {
		t.Error("a report before it came")
	}
	want := &Report{Transaction: "2.25.1", RetrieveAE: "PACS", Committed: []Reference{{ct, "1"}}}
	for range 2 {
		if err := Tell(t.Context(), a, want); err != nil {
			t.Fatal(err)
		}
	}
	<-e.Done()
	if d := cmp.Diff(want, e.Report()); d != "" {
		t.Error(d)
	}
	x.Forget("2.25.1")
	for _, c := range []struct {
		transaction dicom.UID
		want        dimse.Status
	}{{"2.25.1", dimse.Success}, {"2.25.2", dimse.Success}, {"2.25.3", dimse.InvalidArgumentValue}, {"2.25.4", dimse.ProcessingFailure}} {
		err := Tell(t.Context(), a, &Report{Transaction: c.transaction})
		if got := status(t, err); got != c.want || err != nil && strings.Contains(err.Error(), "NGUYEN") {
			t.Errorf("%s: %v", c.transaction, err)
		}
	}
	if d := cmp.Diff([]dicom.UID{"2.25.1", "2.25.2", "2.25.3", "2.25.4"}, others); d != "" {
		t.Error(d)
	}
	x.Else = nil
	if got := status(t, Tell(t.Context(), a, want)); got != dimse.InvalidArgumentValue {
		t.Error(got)
	}
}

// TestOperations: what is no N-EVENT-REPORT or no N-ACTION of this service is answered with the status for it.
func TestOperations(t *testing.T) {
	action := serviceFunc(func(_ context.Context, rq *dimse.Request) dimse.Response {
		_, err := ReadAction(rq)
		var e *Error
		if errors.As(err, &e) {
			return e.Response()
		}
		return Taken(rq)
	})
	one, three := uint16(1), uint16(3)
	ts := syntax(t, dicom.ExplicitVRLittleEndian)
	r := Request{"2.25.1", []Reference{{ct, "1"}}}
	data := r.Append(nil, ts)
	for name, c := range map[string]struct {
		service dimse.Service
		command dimse.Command
		data    []byte
		want    dimse.Status
	}{
		"event":                {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance, EventTypeID: &one}, data, dimse.InvalidArgumentValue},
		"event type 3":         {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance, EventTypeID: &three}, data, 0x0113},
		"no event type":        {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance}, data, 0x0113},
		"event, class":         {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: ct, AffectedSOPInstance: SOPInstance, EventTypeID: &one}, data, dimse.NoSuchSOPClass},
		"event, instance":      {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: "1.2", EventTypeID: &one}, data, dimse.NoSuchSOPInstance},
		"event, no data set":   {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance, EventTypeID: &one}, nil, dimse.InvalidArgumentValue},
		"event, broken":        {&Inbox{}, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance, EventTypeID: &one}, []byte("hello world!"), dimse.ProcessingFailure},
		"action to the inbox":  {&Inbox{}, dimse.Command{Field: dimse.NActionRQ, RequestedSOPClass: SOPClass, RequestedSOPInstance: SOPInstance, ActionTypeID: &one}, data, dimse.UnrecognizedOperation},
		"action":               {action, dimse.Command{Field: dimse.NActionRQ, RequestedSOPClass: SOPClass, RequestedSOPInstance: SOPInstance, ActionTypeID: &one}, data, dimse.Success},
		"action type 3":        {action, dimse.Command{Field: dimse.NActionRQ, RequestedSOPClass: SOPClass, RequestedSOPInstance: SOPInstance, ActionTypeID: &three}, data, dimse.NoSuchActionType},
		"action, class":        {action, dimse.Command{Field: dimse.NActionRQ, RequestedSOPClass: ct, RequestedSOPInstance: SOPInstance, ActionTypeID: &one}, data, dimse.NoSuchSOPClass},
		"action, instance":     {action, dimse.Command{Field: dimse.NActionRQ, RequestedSOPClass: SOPClass, RequestedSOPInstance: "1.2", ActionTypeID: &one}, data, dimse.NoSuchSOPInstance},
		"event to the service": {action, dimse.Command{Field: dimse.NEventReportRQ, AffectedSOPClass: SOPClass, AffectedSOPInstance: SOPInstance, EventTypeID: &one}, data, dimse.UnrecognizedOperation},
	} {
		a := associate(t, c.service)
		var resp *dimse.Response
		var err error
		if c.data == nil {
			resp, err = a.Call(t.Context(), 1, &c.command, nil, nil)
		} else {
			resp, err = a.Call(t.Context(), 1, &c.command, bytes.NewReader(c.data), nil)
		}
		if err != nil || resp.Status != c.want {
			t.Errorf("%s: %+v, %v", name, resp, err)
		}
	}
	a := associate(t, action)
	for _, bad := range []Request{{}, {Transaction: "2.25.1"}, {Transaction: "abc", References: r.References}, {"2.25.1", make([]Reference, MaxReferences+1)}} {
		if err := Ask(t.Context(), a, bad); !errors.Is(err, ErrRequest) {
			t.Error(err)
		}
	}
	if err := Ask(t.Context(), a, r); err != nil {
		t.Error(err)
	}
}

type serviceFunc func(context.Context, *dimse.Request) dimse.Response

func (f serviceFunc) Serve(ctx context.Context, rq *dimse.Request) dimse.Response { return f(ctx, rq) }

// TestNewTransaction: 16 bytes give a valid UID of at most 44 characters; without them there is none.
func TestNewTransaction(t *testing.T) {
	u, err := NewTransaction(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	if err != nil || !u.Valid() || len(u) > 44 {
		t.Errorf("%s, %v", u, err)
	}
	if _, err := NewTransaction(bytes.NewReader(nil)); err == nil {
		t.Error("a UID of nothing")
	}
}
