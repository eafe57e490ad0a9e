package dimse

import (
	"context"
	"errors"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/ul"
)

// TestHear: a requestor that waits serves its peer; it goes on after its patience has ended, and is told of a release.
func TestHear(t *testing.T) {
	heard := make(chan struct{})
	told := make(chan error, 1)
	s := &Server{Mux: testMux(&keeper{}), Idle: func(ctx context.Context, a *Association) error {
		pc, _ := a.Find(getStorage, "")
		resp, err := a.Call(ctx, pc.ID, &Command{Field: CStoreRQ, AffectedSOPClass: getStorage, AffectedSOPInstance: "1.2"}, nil, nil)
		if err == nil {
			err = resp.err()
		}
		told <- err
		if err == nil {
			return a.Release()
		}
		return err
	}}
	a := dial(t, start(t, s), func(o *Options) {
		o.Mux = testMux(serviceFunc(func(_ context.Context, rq *Request) Response {
			close(heard)
			return Answer(Success)
		}))
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Hear(gone, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := a.Hear(t.Context(), heard); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Fatal(err)
	}
	if err := a.Hear(t.Context(), nil); !errors.Is(err, ul.ErrReleaseRequested) {
		t.Fatal(err)
	}
	if _, err := a.Call(t.Context(), 1, &Command{Field: CEchoRQ, AffectedSOPClass: dicom.VerificationSOPClass}, nil, nil); err == nil {
		t.Error("called on an association that was released")
	}
}
