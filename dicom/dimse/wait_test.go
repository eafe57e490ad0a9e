package dimse

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

type echoes struct{}

func (echoes) Serve(context.Context, *Request) Response { return Answer(Success) }

// TestServerIdle: the server calls its peer while that is silent, is not in the way when the peer asks something, and lets it
// release in order also while it calls.
func TestServerIdle(t *testing.T) {
	mux := &Mux{}
	mux.Handle(dicom.VerificationSOPClass, Offer{Service: echoes{}, PeerSCP: true, Accepts: func(dicom.UID) bool { return true }})
	done, results := make(chan struct{}), make(chan error, 8)
	s := &Server{Mux: mux, Idle: func(ctx context.Context, a *Association) error {
		if !a.Wait(ctx, done) {
			return nil
		}
		err := a.Echo(ctx)
		results <- err
		return err
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	defer func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	}()
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
	for range 100 { // each lets calls of the server in
		if err := a.Echo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(results) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for len(results) > 0 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // the server calls again by now, and nobody will answer
	if err := a.Release(); err != nil {
		t.Errorf("release: %v", err)
	}
	if err := <-results; !errors.Is(err, ul.ErrReleaseRequested) {
		t.Errorf("the call that the release crossed: %v", err)
	}
}
