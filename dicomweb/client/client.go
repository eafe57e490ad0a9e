package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// Client reaches one DICOMweb service. It is safe for concurrent use.
type Client struct {
	URL    string       // of the service: https://host/dicom-web
	Token  string       // sent as Bearer token; empty: none
	Client *http.Client // must not follow redirects with a body; nil: http.DefaultClient's transport
	// Stall is how long the server may take no byte of a body; default a minute.
	Stall time.Duration
	// Answer is how long the server may think once it has the body; default 5 minutes.
	Answer time.Duration
	// Retries is how often a request that may be repeated is sent again; 0 means twice, a negative number never.
	Retries int

	paused func(time.Duration) time.Duration // shortens pauses in tests; nil: leaves them
}

// Part is one part of a request or of an answer.
type Part struct {
	ContentType string // application/dicom
	Location    string // Content-Location of an answer's: where the part can be had alone
	Body        io.Reader
}

// Answer is the server's.
type Answer struct {
	Status      int
	RetryAfter  time.Duration // 0 if it does not say
	ContentType string
	Body        []byte // cut off at MaxAnswer
}

// MaxAnswer is how much of an answer is read, in bytes.
const MaxAnswer = 16 << 20

// ErrStalled says that the server took nothing, or did not answer, for too long.
var ErrStalled = errors.New("dicomweb: the server stopped reading, or does not answer")

// ErrURL says that a service URL is not an absolute http or https one.
var ErrURL = errors.New("dicomweb: the URL must be absolute, http or https, without query or credentials")

// CheckURL checks the URL of a service.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return ErrURL
	}
	return nil
}

// Store sends parts in one STOW-RS request. next gives them one after the other, io.EOF at the end; its other errors, and those
// of reading a body, end the request and are given back. It may be left before the end when the server has answered already. No goroutine
// calls it any more when Store returns.
func (c *Client) Store(ctx context.Context, next func() (Part, error)) (*Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	boundary := rand.Text()
	pr, pw := io.Pipe()
	dog := &watchdog{bite: func() { cancel(ErrStalled) }}
	dog.arm(c.stall())
	defer dog.stop()
	body := &body{PipeReader: pr, dog: dog, stall: c.stall(), answer: c.answer()}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base()+"/studies", body)
	if err != nil {
		return nil, err
	}
	rq.Header.Set("Content-Type", multipart.ContentType("application/dicom", boundary))
	rq.Header.Set("Accept", "application/dicom+json")
	if c.Token != "" {
		rq.Header.Set("Authorization", "Bearer "+c.Token)
	}
	written := make(chan error, 1)
	go func() {
		err := write(pw, boundary, next)
		_ = pw.CloseWithError(err) // never fails
		written <- err
	}()
	answer, err := c.do(rq)
	_ = pr.CloseWithError(errAnswered) // never fails
	if werr := <-written; werr != nil && !errors.Is(werr, errAnswered) && !errors.Is(werr, io.ErrClosedPipe) {
		return nil, werr
	}
	if err != nil && context.Cause(ctx) != nil {
		err = context.Cause(ctx)
	}
	return answer, err
}

// errAnswered ends the writing of a body that is not wanted any more.
var errAnswered = errors.New("dicomweb: the request is over")

func write(w io.Writer, boundary string, next func() (Part, error)) error {
	m := multipart.NewWriter(w, boundary)
	for {
		p, err := next()
		if err == io.EOF {
			return m.Close()
		}
		if err != nil {
			return err
		}
		if err := m.Part(multipart.Field{Name: "Content-Type", Value: p.ContentType}); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(onlyWriter{w}, p.Body, make([]byte, 128<<10)); err != nil {
			return err
		}
	}
}

// onlyWriter keeps io.Copy to its buffer.
type onlyWriter struct{ io.Writer }

func (c *Client) do(rq *http.Request) (*Answer, error) {
	resp, err := c.http().Do(rq)
	if err != nil {
		return nil, undisclosed(rq.Context(), err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return &Answer{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header), ContentType: resp.Header.Get("Content-Type"), Body: b}, nil
}

func (c *Client) stall() time.Duration {
	if c.Stall <= 0 {
		return time.Minute
	}
	return c.Stall
}

func (c *Client) answer() time.Duration {
	if c.Answer <= 0 {
		return 5 * time.Minute
	}
	return c.Answer
}
