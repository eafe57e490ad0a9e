package scu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// serve runs a Server until the test ends and gives its address.
func serve(t *testing.T, s *dimse.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return l.Addr().String()
}

// takesAll is a Mux that gives everything to one service.
func takesAll(s dimse.Service, concurrent bool) *dimse.Mux {
	m := &dimse.Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: s, Concurrent: concurrent, Accepts: func(ts dicom.UID) bool {
		return ts == dicom.ImplicitVRLittleEndian || ts == dicom.ExplicitVRLittleEndian
	}})
	return m
}

// someFiles writes files of SOP Instances 1.1 to 1.n.
func someFiles(t *testing.T, n int) (files []string) {
	dir := t.TempDir()
	for i := 1; i <= n; i++ {
		files = append(files, write(t, dir, fmt.Sprintf("%03d", i), "2.25.1", dicom.UID(fmt.Sprintf("1.%d", i))))
	}
	return files
}

func (s *script) times() map[dicom.UID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[dicom.UID]int{}
	for _, u := range s.asked {
		n[u]++
	}
	return n
}

// TestRetryRejected: a transient rejection is tried again, as often as is said; a permanent one is not.
func TestRetryRejected(t *testing.T) {
	for _, c := range []struct {
		reject  pdu.Reject
		retries int
		asked   int32
		sent    int
	}{
		{pdu.RejectTemporaryCongestion, 3, 3, 2},
		{pdu.RejectTemporaryCongestion, 1, 2, 0},
		{pdu.RejectLocalLimitExceeded, 0, 1, 0},
		{pdu.RejectCallingAE, 3, 1, 0},
	} {
		var asked atomic.Int32
		s := &script{reply: func(int, *dimse.Request) dimse.Response { return dimse.Answer(dimse.Success) }}
		addr := serve(t, &dimse.Server{Mux: takesAll(s, false), Policy: func(context.Context, dimse.Peer, *pdu.AssociateRQ) (dimse.Admission, *pdu.Reject) {
			if asked.Add(1) < 3 {
				return dimse.Admission{}, &c.reject
			}
			return dimse.Admission{}, nil
		}})
		sum, err := Send(t.Context(), Target{Address: addr, Retries: c.retries, Backoff: time.Millisecond}, someFiles(t, 2), nil)
		if err != nil || sum.Sent != c.sent || asked.Load() != c.asked {
			t.Errorf("%v, %d retries: %+v, %v, asked %d times", &c.reject, c.retries, sum, err, asked.Load())
		}
	}
}

// TestRetryUnreachable: a peer that comes back is found again.
func TestRetryUnreachable(t *testing.T) {
	s := &script{reply: func(int, *dimse.Request) dimse.Response { return dimse.Answer(dimse.Success) }}
	addr := serve(t, &dimse.Server{Mux: takesAll(s, false)})
	var dialled atomic.Int32
	var notices []string
	target := Target{Address: addr, Retries: 2, Backoff: time.Millisecond, Notice: func(text string) { notices = append(notices, text) }, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Add(1) == 1 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	if sum, err := Send(t.Context(), target, someFiles(t, 1), nil); err != nil || sum.Sent != 1 {
		t.Errorf("%+v, %v", sum, err)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "trying again") {
		t.Errorf("%q", notices)
	}
}

// TestRetryLost: what was acknowledged is not sent again when an Association is lost, with one request under way or several; one
// file that the peer never bears costs itself alone.
func TestRetryLost(t *testing.T) {
	for _, async := range []uint16{1, 8} {
		t.Run(fmt.Sprint("async ", async), func(t *testing.T) {
			s := &script{reply: func(n int, rq *dimse.Request) dimse.Response {
				if n == 20 || rq.Command.AffectedSOPInstance == "1.7" {
					_ = rq.Association.Abort() // that is the test
				}
				return dimse.Answer(dimse.Success)
			}}
			addr := serve(t, &dimse.Server{Mux: takesAll(s, false), AsyncOperations: 8})
			files := someFiles(t, 40)
			acknowledged := map[dicom.UID]int{} // how often it had been sent then
			failed := []dicom.UID{}
			sum, err := Send(t.Context(), Target{Address: addr, Retries: 2, Backoff: time.Millisecond, Async: async}, files, func(r Result) {
				if r.Err != nil {
					failed = append(failed, r.SOPInstance)
				} else {
					acknowledged[r.SOPInstance] = s.times()[r.SOPInstance]
				}
			})
			if err != nil || sum != (Summary{Sent: 39, Failed: 1}) || !cmp.Equal(failed, []dicom.UID{"1.7"}) {
				t.Fatalf("%+v, %v, failed %v", sum, err, failed)
			}
			times := s.times()
			for u, n := range acknowledged {
				if times[u] != n {
					t.Errorf("%s was sent %d times, %d of them before it was acknowledged", u, times[u], n)
				}
			}
			if times["1.7"] != 3 {
				t.Errorf("1.7 was sent %d times", times["1.7"])
			}
		})
	}
}

// TestAsync: with a window granted several files are under way at once, and each gets its own result.
func TestAsync(t *testing.T) {
	const window = 4
	together := make(chan struct{}, window)
	all := make(chan struct{})
	s := &script{reply: func(n int, rq *dimse.Request) dimse.Response {
		if n <= window { // the first wait for one another
			together <- struct{}{}
			if len(together) == window {
				close(all)
			}
			<-all
		}
		if strings.HasSuffix(string(rq.Command.AffectedSOPInstance), "3") {
			return dimse.Answer(dimse.OutOfResources)
		}
		return dimse.Answer(dimse.Success)
	}}
	readFirst := serviceOf(func(ctx context.Context, rq *dimse.Request) dimse.Response {
		if _, err := rq.Data.WriteTo(discard{}); err != nil {
			return dimse.Answer(dimse.ProcessingFailure)
		}
		return s.Serve(ctx, rq)
	})
	addr := serve(t, &dimse.Server{Mux: takesAll(readFirst, true), AsyncOperations: window})
	var bad []string
	sum, err := Send(t.Context(), Target{Address: addr, Async: 16}, someFiles(t, 40), func(r Result) {
		if r.Err != nil {
			bad = append(bad, string(r.SOPInstance))
		}
	})
	slices.Sort(bad)
	if err != nil || sum != (Summary{Sent: 36, Failed: 4}) || !cmp.Equal(bad, []string{"1.13", "1.23", "1.3", "1.33"}) {
		t.Errorf("%+v, %v, %v", sum, err, bad)
	}
}

type serviceOf func(context.Context, *dimse.Request) dimse.Response

func (f serviceOf) Serve(ctx context.Context, rq *dimse.Request) dimse.Response { return f(ctx, rq) }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// TestSendInterrupted: what is under way is finished, the rest is not begun, and the Association is released.
func TestSendInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &script{reply: func(n int, _ *dimse.Request) dimse.Response {
		if n == 3 {
			cancel()
		}
		return dimse.Answer(dimse.Success)
	}}
	ended := &ends{all: make(chan error, 8)}
	addr := serve(t, &dimse.Server{Mux: takesAll(s, false), Observe: ended})
	sum, err := Send(ctx, Target{Address: addr}, someFiles(t, 9), nil)
	if !errors.Is(err, context.Canceled) || sum != (Summary{Sent: 3, Failed: 6}) {
		t.Errorf("%+v, %v", sum, err)
	}
	if err := <-ended.all; err != nil {
		t.Errorf("the association was not released: %v", err)
	}
}

// ends is an Observer that tells how Associations ended.
type ends struct{ all chan error }

func (e *ends) Opened(*dimse.Association) {}

func (e *ends) Closed(_ *dimse.Association, err error) { e.all <- err }

func (e *ends) Refused(net.Addr, *pdu.AssociateRQ, error) {}

func (e *ends) Answered(*dimse.Association, dimse.CommandField, dimse.Status, time.Duration) {}

// TestConversion: what a peer takes only in Implicit VR Little Endian arrives in it, and the result says so.
func TestConversion(t *testing.T) {
	var got []byte
	m := &dimse.Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{
		Accepts: func(ts dicom.UID) bool { return ts == dicom.ImplicitVRLittleEndian },
		Service: serviceOf(func(_ context.Context, rq *dimse.Request) dimse.Response {
			b := make([]byte, 1000)
			n, _ := rq.Data.Read(b)
			got = b[:n]
			return dimse.Answer(dimse.Success)
		}),
	})
	var results []Result
	sum, err := Send(t.Context(), Target{Address: serve(t, &dimse.Server{Mux: m})}, someFiles(t, 1), collect(&results))
	if err != nil || sum.Sent != 1 || results[0].TransferSyntax != dicom.ImplicitVRLittleEndian || len(got) == 0 || got[4] != 6 {
		t.Errorf("%+v, %v, %+v, % x", sum, err, results, got)
	}
}
