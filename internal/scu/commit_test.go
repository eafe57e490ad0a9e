package scu

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// committing is a Storage Commitment SCP that reports as it is told.
type committing struct {
	t      *testing.T
	how    string
	listen string // address for reports on new Associations
	mu     sync.Mutex
	asked  *commitment.Request
	wg     sync.WaitGroup
}

var ask3 = []commitment.Reference{{SOPClass: "1.2", SOPInstance: "1.2.1"}, {SOPClass: "1.2", SOPInstance: "1.2.2"}, {SOPClass: "1.2", SOPInstance: "1.2.3"}}

// report says that the first is safe, the second not, and nothing of the third.
func (c *committing) report() *commitment.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &commitment.Report{
		Transaction: c.asked.Transaction, RetrieveAE: "PACS", Committed: c.asked.References[:1],
		Failed: []commitment.Failure{{Reference: c.asked.References[1], Reason: commitment.NoSuchObjectInstance}},
	}
}

// Serve implements dimse.Service.
func (c *committing) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	asked, err := commitment.ReadAction(rq)
	if err != nil {
		c.t.Error(err)
		return dimse.Answer(dimse.ProcessingFailure)
	}
	c.mu.Lock()
	c.asked = asked
	c.mu.Unlock()
	switch c.how {
	case "refused":
		return dimse.Answer(dimse.ResourceLimitation)
	case "before the answer":
		if err := commitment.Tell(ctx, rq.Association, c.report()); err != nil {
			c.t.Error(err)
		}
	case "new association":
		c.wg.Go(c.call)
	}
	return commitment.Taken(rq)
}

// call reports on an Association of its own.
func (c *committing) call() {
	a, err := dimse.Dial(context.Background(), c.listen, dimse.Options{Contexts: []pdu.ProposedContext{commitment.Context()}, User: pdu.UserInformation{Roles: []pdu.RoleSelection{commitment.Reporter()}}})
	if err == nil {
		if err = commitment.MayTell(a); err == nil {
			wrong := c.report()
			wrong.Transaction = "2.25.404"
			var status *dimse.StatusError
			if err := commitment.Tell(context.Background(), a, wrong); !errors.As(err, &status) {
				c.t.Errorf("a transaction that nobody asked for: %v", err)
			}
			err = commitment.Tell(context.Background(), a, c.report())
		}
		err = errors.Join(err, a.Release())
	}
	if err != nil {
		c.t.Error(err)
	}
}

// idle is the Server's.
func (c *committing) idle(ctx context.Context, a *dimse.Association) error {
	c.mu.Lock()
	asked := c.asked
	c.mu.Unlock()
	switch {
	case asked == nil:
	case c.how == "same association":
		c.how = "told"
		return commitment.Tell(ctx, a, c.report())
	case c.how == "released":
		return a.Release()
	}
	return nil
}

// TestN18Commit: the report is taken wherever it comes; without one nothing is said of the objects.
func TestN18Commit(t *testing.T) {
	want := Committed{
		RetrieveAE: "PACS", Safe: ask3[:1],
		Unsafe: []commitment.Failure{{Reference: ask3[1], Reason: commitment.NoSuchObjectInstance}, {Reference: ask3[2]}},
	}
	for how, failure := range map[string]func(error) bool{
		"same association": nil, "before the answer": nil, "new association": nil,
		"refused": func(err error) bool {
			var s *dimse.StatusError
			return errors.As(err, &s) && s.Status == dimse.ResourceLimitation
		},
		"released": func(err error) bool { return errors.Is(err, ul.ErrReleaseRequested) },
		"silent":   func(err error) bool { return errors.Is(err, ErrNoReport) },
	} {
		t.Run(how, func(t *testing.T) {
			c := &committing{t: t, how: how}
			m := &dimse.Mux{}
			m.Handle(commitment.SOPClass, dimse.Offer{Service: c, Accepts: func(ts dicom.UID) bool { return ts == dicom.ImplicitVRLittleEndian }})
			target := Target{Address: serve(t, &dimse.Server{Mux: m, Idle: c.idle})}
			o := CommitOptions{Wait: time.Minute, Hold: time.Minute}
			if how == "silent" {
				o.Wait = 20 * time.Millisecond
			}
			if how == "new association" {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				c.listen, o.Listener = l.Addr().String(), l
			}
			got, err := Commit(t.Context(), target, ask3, o)
			c.wg.Wait()
			if failure != nil {
				if !failure(err) || len(got.Safe)+len(got.Unsafe) != 0 {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			if err != nil || !got.Transaction.Valid() {
				t.Fatal(got, err)
			}
			got.Transaction = ""
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestCommitNotServed: a peer without Storage Commitment is told of.
func TestCommitNotServed(t *testing.T) {
	target := Target{Address: serve(t, &dimse.Server{Mux: &dimse.Mux{}})}
	if _, err := Commit(t.Context(), target, ask3, CommitOptions{Wait: time.Minute}); err == nil || errors.Is(err, ErrNoReport) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Commit(ctx, target, ask3, CommitOptions{Wait: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestInstances: the SOP Instances of a study are asked for level by level.
func TestInstances(t *testing.T) {
	x := &archive{objects: manyClasses(10)}
	list, err := Instances(t.Context(), Target{Address: serve(t, &dimse.Server{Mux: x.mux(true)})}, ofStudy("1.1"))
	got := map[commitment.Reference]bool{}
	for _, r := range list {
		got[r] = true
	}
	want := map[commitment.Reference]bool{}
	for _, o := range x.objects {
		want[commitment.Reference{SOPClass: o.class, SOPInstance: o.instance}] = true
	}
	if d := cmp.Diff(want, got); d != "" || err != nil || len(list) != 10 {
		t.Errorf("%v\n%s", err, d)
	}
}
