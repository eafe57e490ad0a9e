package dimse

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong/dicom/ul"
)

// Hear serves requests of the peer, for whom asked and has nothing more to ask, until done is closed, which gives nil, or ctx
// ends, which gives its error; the Association can be used on after both. Any other error ended it: ul.ErrReleaseRequested when the peer
// released it, ul.ErrTimeout when it was silent for the time-out Idle.
func (a *Association) Hear(ctx context.Context, done <-chan struct{}) error {
	for !a.Wait(ctx, done) {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := a.receive(a.t.Idle)
		if err == nil {
			err = a.handle(ctx, m)
		}
		if errors.Is(err, ul.ErrReleaseRequested) {
			return a.lost(context.Background(), err)
		}
		if err != nil {
			return a.end(err)
		}
	}
	return nil
}
