package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is one request, which may be sent several times.
type request struct {
	op     string // for errors
	method string
	url    string
	header http.Header
	body   []byte // nil: none
	ok     func(status int) bool
}

// Pauses between attempts.
const (
	firstPause = 500 * time.Millisecond // doubled each time
	mostPause  = 30 * time.Second
)

// send sends the request until it is answered with success, and gives the answer; its body must be closed. A refusal is an *Error.
func (c *Client) send(ctx context.Context, rq request) (*http.Response, error) {
	again := 0
	if rq.method == http.MethodGet || rq.method == http.MethodDelete {
		again = c.retries()
	}
	for attempt := 0; ; attempt++ {
		resp, err := c.once(ctx, rq)
		if err == nil {
			return resp, nil
		}
		pause, worth := worthIt(err, attempt)
		if attempt >= again || !worth || ctx.Err() != nil {
			return nil, err
		}
		if c.paused != nil {
			pause = c.paused(pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

// worthIt tells whether a failure may be gone after a pause, and how long that is to be.
func worthIt(err error, attempt int) (time.Duration, bool) {
	pause := min(firstPause<<min(attempt, 10), mostPause)
	var e *Error
	if !errors.As(err, &e) {
		return pause, true // not reached, or cut off before the answer
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return max(pause, min(e.RetryAfter, mostPause)), true
	}
	return 0, false
}

// once sends the request once.
func (c *Client) once(ctx context.Context, rq request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	dog := &watchdog{bite: func() { cancel(ErrStalled) }}
	leave := func() {
		dog.stop()
		cancel(nil)
	}
	var body io.Reader
	if rq.body != nil {
		body = bytes.NewReader(rq.body)
	}
	r, err := http.NewRequestWithContext(ctx, rq.method, rq.url, body)
	if err != nil {
		leave()
		return nil, ErrURL
	}
	for name, values := range rq.header {
		r.Header[name] = values
	}
	if c.Token != "" && c.ours(r.URL) {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	dog.arm(c.answer())
	resp, err := c.http().Do(r)
	if err != nil {
		err = undisclosed(ctx, err)
		leave()
		return nil, err
	}
	resp.Body = &answerBody{ReadCloser: resp.Body, ctx: ctx, dog: dog, stall: c.stall(), leave: leave}
	dog.arm(c.stall())
	good := resp.StatusCode/100 == 2
	if rq.ok != nil {
		good = rq.ok(resp.StatusCode)
	}
	if !good {
		return nil, refused(rq.op, resp)
	}
	return resp, nil
}

// undisclosed takes the URL out of an error: it is in the configuration, may hold names, and need not be in every log line.
func undisclosed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// http gives what sends requests.
func (c *Client) http() *http.Client {
	if c.Client != nil {
		return c.Client
	}
	return noRedirects
}

// noRedirects sends requests through the default transport: a redirect is an answer like another, so that neither credentials nor
// objects go where the configuration does not say.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// base gives the URL of the service without a slash at its end.
func (c *Client) base() string { return strings.TrimRight(c.URL, "/") }

// ours tells whether a URL is of the service's origin: the token is for nobody else.
func (c *Client) ours(u *url.URL) bool {
	own, err := url.Parse(c.URL)
	return err == nil && strings.EqualFold(own.Scheme, u.Scheme) && strings.EqualFold(own.Host, u.Host)
}

func (c *Client) retries() int {
	switch {
	case c.Retries < 0:
		return 0
	case c.Retries == 0:
		return 2
	}
	return c.Retries
}

// answerBody is the body of an answer: a server that stops sending is given up.
type answerBody struct {
	io.ReadCloser
	ctx   context.Context
	dog   *watchdog
	stall time.Duration
	leave func()
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	b.dog.arm(b.stall)
	n, err := b.ReadCloser.Read(p)
	b.dog.arm(0) // whoever reads may take its time
	if err != nil && err != io.EOF {
		err = undisclosed(b.ctx, err)
	}
	return n, err
}

// Close implements io.Closer; the request is over.
func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.leave()
	return err
}
