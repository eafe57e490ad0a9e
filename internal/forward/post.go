package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
)

// Post sends messages over HTTP, one in a request: POST with Content-Type application/hl7-v2, as HAPI's "HL7 over HTTP" does. An answer of that
// type is an acknowledgement; without one the status decides.
type Post struct {
	URL     string
	Token   string // bearer token; empty: none
	Client  *http.Client
	Answer  time.Duration // how long an answer is waited for; 0: 30 s
	OnError OnError
}

func (p *Post) carrier() carrier { return &posts{p} }

// posts is a carrier. Connections are kept by the HTTP client.
type posts struct{ p *Post }

func (posts) rest() {}

// send implements carrier.
func (c *posts) send(ctx context.Context, j *job) error { return j.messages(ctx, c.one) }

// maxAcknowledgement bounds what is read of an answer, in bytes.
const maxAcknowledgement = 1 << 20

func (c *posts) one(ctx context.Context, m *hl7v2.Message) (outcome, error) {
	limit := c.p.Answer
	if limit <= 0 {
		limit = answerTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	status, body, wait, err := c.post(ctx, m)
	if err != nil {
		return again("%v", reasonOf(err)), err
	}
	if a, err := hl7v2.Parse(body); err == nil && a.First("MSA").Exists() {
		if a.Get("MSA-2") != m.Get("MSH-10") {
			return again("%v", errOther), errOther
		}
		switch code := hl7v2.AckCode(a.Get("MSA-1")); code {
		case hl7v2.AA, hl7v2.AE, hl7v2.AR, hl7v2.CA, hl7v2.CE, hl7v2.CR:
			return judge(code, body, c.p.OnError)
		}
	}
	switch {
	case status >= 200 && status < 300:
		return outcome{state: Done}, nil
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity, status == http.StatusUnsupportedMediaType:
		o := dead("refused with HTTP status %d", status)
		if c.p.OnError == TryAgain {
			return again("%s", o.reason), &refused{o.reason}
		}
		return o, nil
	}
	return again("HTTP status %d", status), &refusal{status, wait}
}

var errOther = errors.New("the answer is to another message")

// post sends a message and reads the answer.
func (c *posts) post(ctx context.Context, m *hl7v2.Message) (status int, body []byte, wait time.Duration, err error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, c.p.URL, bytes.NewReader(m.Bytes()))
	if err != nil {
		return 0, nil, 0, err
	}
	rq.Header.Set("Content-Type", "application/hl7-v2")
	rq.Header.Set("Accept", "application/hl7-v2, */*;q=0.1")
	if c.p.Token != "" {
		rq.Header.Set("Authorization", "Bearer "+c.p.Token)
	}
	resp, err := c.p.Client.Do(rq)
	if err != nil {
		return 0, nil, 0, withoutURL(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAcknowledgement))
	if err != nil {
		return 0, nil, 0, fmt.Errorf("the answer breaks off: %w", err)
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && s < 24*3600 {
		wait = time.Duration(s) * time.Second
	}
	return resp.StatusCode, body, wait, nil
}

// withoutURL takes the URL out of an error of net/http: it may hold a password.
func withoutURL(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
