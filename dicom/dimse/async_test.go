package dimse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// concurrentMux serves what testMux serves, beside one another; notServed it serves too, alone.
func concurrentMux(s Service) *Mux {
	m := testMux(s)
	for _, o := range m.exact {
		o.Concurrent = true
	}
	for _, r := range m.rules {
		r.offer.Concurrent = true
	}
	m.Handle(notServed, Offer{Service: s, Accepts: func(ts dicom.UID) bool { return true }})
	return m
}

// proposing asks for an Asynchronous Operations Window, and for a context that is served alone.
func proposing(invoked, performed uint16) func(*Options) {
	return func(o *Options) {
		o.User.Async = &pdu.AsyncOperations{Invoked: invoked, Performed: performed}
		o.Contexts = append(o.Contexts, pdu.ProposedContext{AbstractSyntax: notServed, TransferSyntaxes: []dicom.UID{implicit}})
	}
}

// TestWindow: what is granted is the lesser of what is proposed and what is allowed (PS3.7 D.3.3.3), where 0 proposed is no limit.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		proposed *pdu.AsyncOperations
		allowed  uint16
		invoke   uint16
		perform  uint16
		answered *pdu.AsyncOperations
	}{
		{nil, 16, 1, 1, nil},
		{&pdu.AsyncOperations{Invoked: 8, Performed: 1}, 0, 1, 1, &pdu.AsyncOperations{Invoked: 1, Performed: 1}},
		{&pdu.AsyncOperations{Invoked: 8, Performed: 1}, 16, 8, 1, &pdu.AsyncOperations{Invoked: 8, Performed: 1}},
		{&pdu.AsyncOperations{Invoked: 0, Performed: 0}, 16, 16, 16, &pdu.AsyncOperations{Invoked: 16, Performed: 16}},
		{&pdu.AsyncOperations{Invoked: 300, Performed: 2}, 16, 16, 2, &pdu.AsyncOperations{Invoked: 16, Performed: 2}},
	} {
		seen := make(chan [2]uint16, 1)
		k := &keeper{before: func(rq *Request) *Response {
			invoke, perform := rq.Association.Window()
			seen <- [2]uint16{invoke, perform}
			return nil
		}}
		a := dial(t, start(t, &Server{Mux: testMux(k), AsyncOperations: c.allowed}), func(o *Options) { o.User.Async = c.proposed })
		if invoke, perform := a.Window(); invoke != c.invoke || perform != c.perform {
			t.Errorf("proposed %+v of %d: %d and %d", c.proposed, c.allowed, invoke, perform)
		}
		if d := cmp.Diff(c.answered, a.Peer().Async); d != "" {
			t.Error(d)
		}
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-seen; got != [2]uint16{c.perform, c.invoke} {
			t.Errorf("proposed %+v of %d: the acceptor has %v", c.proposed, c.allowed, got)
		}
	}
}

// crowd is a service whose requests wait for one another: none is answered before all have been received.
type crowd struct {
	sync.Mutex
	want           int
	here           int
	together, most int
	all            chan struct{}
}

func (c *crowd) Serve(_ context.Context, rq *Request) Response {
	if rq.Data != nil {
		if _, err := io.Copy(io.Discard, rq.Data); err != nil {
			return Answer(OutOfResources)
		}
	}
	c.Lock()
	c.together++
	c.most = max(c.most, c.together)
	if c.here++; c.here == c.want {
		close(c.all)
	}
	c.Unlock()
	<-c.all
	c.Lock()
	c.together--
	c.Unlock()
	return Answer(Success)
}

// TestAsyncStore: as many C-STOREs as the window allows are outstanding at once; each gets its own response.
func TestAsyncStore(t *testing.T) {
	const window = 5
	c := &crowd{want: window, all: make(chan struct{})}
	a := dial(t, start(t, &Server{Mux: concurrentMux(c), AsyncOperations: window}), proposing(20, 1))
	pc, _ := a.Find(ctStorage, "")
	got := map[dicom.UID]Status{}
	for i := range 3 * window {
		id := dicom.UID(strings.Repeat("7", i+1))
		err := a.Go(t.Context(), pc.ID, &Command{Field: CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: id}, bytes.NewReader(make([]byte, 70_000*(i%3)+1)), func(r *Response, err error) {
			if err != nil || r.AffectedSOPInstance != id {
				t.Errorf("%s: %+v, %v", id, r, err)
				return
			}
			got[id] = r.Status
		})
		if err != nil {
			t.Fatal(err)
		}
		if open := i + 1 - len(got); open > window {
			t.Errorf("%d are outstanding", open)
		}
	}
	if err := a.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3*window || c.most > window {
		t.Errorf("%d answered, %d at once", len(got), c.most)
	}
	if err := a.Echo(t.Context()); err != nil { // calls go on working
		t.Error(err)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// TestAsyncOrder: responses come in any order and are matched by their Message IDs; a Call among them waits for its own.
func TestAsyncOrder(t *testing.T) {
	release := map[dicom.UID]chan struct{}{"1": make(chan struct{}), "2": make(chan struct{}), "3": make(chan struct{})}
	k := &keeper{before: func(rq *Request) *Response {
		if rq.Data != nil {
			_, _ = io.Copy(io.Discard, rq.Data) // its end is the association's
		}
		if c := release[rq.Command.AffectedSOPInstance]; c != nil {
			<-c
		}
		r := Answer(Success)
		return &r
	}}
	a := dial(t, start(t, &Server{Mux: concurrentMux(k), AsyncOperations: 4}), proposing(4, 1))
	var order []dicom.UID
	pc, _ := a.Find(ctStorage, "")
	for _, id := range []dicom.UID{"1", "2", "3"} {
		err := a.Go(t.Context(), pc.ID, &Command{Field: CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: id}, strings.NewReader("ab"), func(r *Response, err error) {
			if err != nil || r.AffectedSOPInstance != id {
				t.Errorf("%s: %+v, %v", id, r, err)
			}
			order = append(order, id)
			if id == "2" {
				close(release["1"])
			}
			if id == "3" {
				close(release["2"])
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(release["3"])
	if err := a.Echo(t.Context()); err != nil { // overtakes some of them
		t.Fatal(err)
	}
	if err := a.Release(); err != nil { // waits for the rest
		t.Error(err)
	}
	if d := cmp.Diff([]dicom.UID{"3", "2", "1"}, order); d != "" {
		t.Error(d)
	}
}

// TestAsyncAlone: a request of an Offer that is not Concurrent waits until everything before it was answered, and nothing runs beside it.
func TestAsyncAlone(t *testing.T) {
	var running, answered atomic.Int32
	hold := make(chan struct{})
	s := serviceFunc(func(_ context.Context, rq *Request) Response {
		if rq.Data != nil {
			_, _ = io.Copy(io.Discard, rq.Data) // its end is the association's
		}
		n := running.Add(1)
		defer running.Add(-1)
		if rq.Context.AbstractSyntax == notServed {
			if n != 1 || answered.Load() != 3 {
				t.Errorf("%d are served and %d were", n, answered.Load())
			}
			return Answer(Success)
		}
		<-hold
		answered.Add(1)
		return Answer(Success)
	})
	a := dial(t, start(t, &Server{Mux: concurrentMux(s), AsyncOperations: 8}), proposing(8, 1))
	pc, _ := a.Find(ctStorage, "")
	alone, _ := a.Find(notServed, "")
	ok := func(r *Response, err error) {
		if err != nil || r.Status != Success {
			t.Errorf("%+v, %v", r, err)
		}
	}
	for range 3 {
		if err := a.Go(t.Context(), pc.ID, &Command{Field: CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2"}, strings.NewReader("ab"), ok); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Go(t.Context(), alone.ID, &Command{Field: NActionRQ, RequestedSOPClass: notServed}, strings.NewReader("ab"), ok); err != nil {
		t.Fatal(err)
	}
	close(hold)
	if err := a.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestGoFails: when the Association ends, whoever waits is told, once each.
func TestGoFails(t *testing.T) {
	s := serviceFunc(func(_ context.Context, rq *Request) Response {
		if rq.Command.Field == CEchoRQ {
			_ = rq.Association.ul.Close() // that is the test
		}
		return Answer(Success)
	})
	m := concurrentMux(s)
	m.exact[dicom.VerificationSOPClass].Concurrent = false
	broken := errors.New("bad sector")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, end := range map[string]func(*Association) error{
		"peer aborts":   func(a *Association) error { return a.Echo(t.Context()) },
		"flush aborted": func(a *Association) error { return a.Flush(ctx) },
		"unreadable": func(a *Association) error {
			return a.Go(t.Context(), 3, &Command{Field: CStoreRQ}, errReader{broken}, func(*Response, error) { t.Error("called although Go failed") })
		},
		"close": func(a *Association) error { return errors.Join(ul.ErrAborted, a.Close()) },
		"abort": func(a *Association) error { return errors.Join(ul.ErrAborted, a.Abort()) },
	} {
		hold := make(chan struct{})
		m := concurrentMux(serviceFunc(func(ctx context.Context, rq *Request) Response {
			if rq.Command.Field == CStoreRQ {
				<-hold
			}
			return s(ctx, rq)
		}))
		m.exact[dicom.VerificationSOPClass].Concurrent = false
		a := dial(t, start(t, &Server{Mux: m, AsyncOperations: 8, Timeouts: Timeouts{ARTIM: time.Minute}}), proposing(8, 1))
		told := 0
		for range 3 {
			if err := a.Go(t.Context(), 3, &Command{Field: CStoreRQ}, nil, func(r *Response, err error) {
				if told++; name != "peer aborts" && (err == nil || r != nil) {
					t.Errorf("%s: %+v, %v", name, r, err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		if name == "peer aborts" {
			close(hold) // the echo is served alone, after them
		}
		if err := end(a); err == nil {
			t.Errorf("%s: no error", name)
		}
		if told != 3 {
			t.Errorf("%s: %d told", name, told)
		}
		if name != "peer aborts" {
			close(hold)
		}
		if err := a.Go(t.Context(), 3, &Command{Field: CStoreRQ}, nil, func(*Response, error) { t.Error("called although Go failed") }); err == nil {
			t.Errorf("%s: sent on what has ended", name)
		}
	}
}

// TestAsyncWhole: responses with large Data Sets that are sent at once do not mix.
func TestAsyncWhole(t *testing.T) {
	const window = 4
	c := &crowd{want: window, all: make(chan struct{})}
	s := serviceFunc(func(ctx context.Context, rq *Request) Response {
		r := c.Serve(ctx, rq)
		for range 10 {
			if err := rq.Pending(Response{Command: Command{Status: Pending}, Data: bytes.Repeat([]byte{byte(rq.Command.MessageID)}, 200_000)}); err != nil {
				t.Error(err)
			}
		}
		r.Data = bytes.Repeat([]byte{byte(rq.Command.MessageID)}, 300_000)
		return r
	})
	a := dial(t, start(t, &Server{Mux: concurrentMux(s), AsyncOperations: window}), proposing(window, 1))
	for range window {
		err := a.Go(t.Context(), 3, &Command{Field: CFindRQ, AffectedSOPClass: ctStorage}, strings.NewReader("ab"), func(r *Response, err error) {
			if err != nil || !bytes.Equal(r.Data, bytes.Repeat([]byte{byte(r.RespondedTo)}, 300_000)) {
				t.Errorf("the data set of response %v is another's, or %v", r, err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestAsyncBothWays: a service sends sub-operations as the window of its peer allows, which serves them beside one another, as C-GET may.
func TestAsyncBothWays(t *testing.T) {
	const window = 3
	client := &crowd{want: window, all: make(chan struct{})}
	server := serviceFunc(func(ctx context.Context, rq *Request) Response {
		if _, err := io.Copy(io.Discard, rq.Data); err != nil {
			t.Error(err)
		}
		if invoke, perform := rq.Association.Window(); invoke != window || perform != 1 {
			t.Errorf("window %d, %d", invoke, perform)
		}
		stored := 0
		for range 4 * window {
			err := rq.Association.Go(ctx, rq.Context.ID, &Command{Field: CStoreRQ, AffectedSOPClass: getStorage}, strings.NewReader("an instance"), func(r *Response, err error) {
				if err != nil || r.Status != Success {
					t.Errorf("%+v, %v", r, err)
				}
				stored++
			})
			if err != nil {
				t.Error(err)
			}
		}
		if err := rq.Association.Flush(ctx); err != nil || stored != 4*window {
			t.Errorf("%v, %d stored", err, stored)
		}
		return Answer(Success)
	})
	a := dial(t, start(t, &Server{Mux: testMux(server), AsyncOperations: window}), func(o *Options) {
		o.Mux = concurrentMux(client)
		o.User.Async = &pdu.AsyncOperations{Invoked: 1, Performed: 0}
		o.User.Roles = []pdu.RoleSelection{{SOPClass: getStorage, SCU: true, SCP: true}}
	})
	pc, _ := a.Find(getStorage, "")
	resp, err := a.Call(t.Context(), pc.ID, &Command{Field: CGetRQ, AffectedSOPClass: getStorage}, strings.NewReader("identifier"), nil)
	if err != nil || resp.Status != Success || client.most > window {
		t.Errorf("%+v, %v, %d at once", resp, err, client.most)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}
