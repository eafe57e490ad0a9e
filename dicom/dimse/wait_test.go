package dimse

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// echoes counts what it answers.
type echoes struct{ answered *atomic.Int32 }

func (e echoes) Serve(context.Context, *Request) Response {
	e.answered.Add(1)
	return Answer(Success)
}

// TestServerIdle: the server calls its peer while that is silent, is not in the way when the peer asks something, and lets it
// release in order also while it calls.
func TestServerIdle(t *testing.T) {
	offer := func() (*Mux, *atomic.Int32) {
		mux, n := &Mux{}, &atomic.Int32{}
		mux.Handle(dicom.VerificationSOPClass, Offer{Service: echoes{n}, PeerSCP: true, Accepts: func(dicom.UID) bool { return true }})
		return mux, n
	}
	mux, _ := offer()
	done, calling, results := make(chan struct{}), make(chan struct{}, 1000), make(chan error, 1000)
	s := &Server{Mux: mux, Idle: func(ctx context.Context, a *Association) error {
		for a.Wait(ctx, done) {
			calling <- struct{}{}
			err := a.Echo(ctx)
			results <- err
			if err != nil {
				return err
			}
		}
		return nil
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	defer func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	}()
	mux, answered := offer()
	a, err := Dial(t.Context(), l.Addr().String(), Options{
		CallingAE: "A", CalledAE: "B", Mux: mux,
		Contexts: []pdu.ProposedContext{{AbstractSyntax: dicom.VerificationSOPClass, TransferSyntaxes: []dicom.UID{dicom.ImplicitVRLittleEndian}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // answered although the server waits for something else
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	for answered.Load() == 0 { // each lets calls of the server in
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody answers any more: the server has one call more under way, or will have, than were answered.
	n := int(answered.Load())
	for range n + 1 {
		<-calling
	}
	if err := a.Release(); err != nil {
		t.Errorf("release: %v", err)
	}
	for range n {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	if err := <-results; !errors.Is(err, ul.ErrReleaseRequested) {
		t.Errorf("the call that the release crossed: %v", err)
	}
}
