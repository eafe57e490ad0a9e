package dimse

import (
	"context"
	"io"
)

// Window gives the negotiated Asynchronous Operations Window (PS3.7 D.3.3.3): how many requests this end may have
// outstanding, and how many its peer. 0 is no limit.
func (a *Association) Window() (invoke, perform uint16) { return 1, 1 }

// Go sends a request as Call does, and does not wait for its response: done is called with that, or with why there will be none,
// by a later Go, Call, Flush or Release, and must not use the Association. While as many requests are outstanding as the Asynchronous Operations Window
// allows, responses are waited for first. When Go fails, done is not called, and the Association cannot be used any more.
func (a *Association) Go(ctx context.Context, pc uint8, c *Command, data io.Reader, done func(*Response, error)) error {
	resp, err := a.Call(ctx, pc, c, data, nil)
	if err == nil {
		done(resp, nil)
	}
	return err
}

// Flush waits until every request sent with Go was answered.
func (a *Association) Flush(ctx context.Context) error { return nil }
