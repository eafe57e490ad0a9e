package forward

import (
	"context"
	"io"
	"time"

	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
)

// Script is a transport made of a function, which says what comes of an entry; its error that the destination is lost.
type Script func(ctx context.Context, e *Entry) (State, string, error)

func (s Script) carrier() carrier { return scripted{s} }

func (Script) carries() Kind { return Instance }

type scripted struct{ script Script }

func (scripted) rest() {}

func (s scripted) send(ctx context.Context, j *job) error {
	for i := range j.entries {
		if j.stop() || ctx.Err() != nil {
			return nil
		}
		if !j.wanted(i) {
			continue
		}
		state, reason, err := s.script(ctx, &j.entries[i])
		if err != nil {
			return err
		}
		j.end(i, outcome{state: state, reason: reason})
	}
	return nil
}

// Committer is a Script that can be asked for storage commitment.
type Committer struct {
	Script
	Ask func(ctx context.Context, rq commitment.Request) error
}

func (c *Committer) commit(ctx context.Context, rq commitment.Request, _ dimse.Service, reported <-chan struct{}) error {
	return c.Ask(ctx, rq)
}

// After is Backoff.after.
func (b Backoff) After(failures int, random func() float64) any { return b.after(failures, random) }

// Route is route.
var Route = route

// Like is like.
var Like = like

// Limited gives a reader that lets so many bytes a second pass.
func Limited(ctx context.Context, rate int64, r io.Reader) io.Reader {
	return newBucket(rate, time.Now, sleep).reader(ctx, r)
}
