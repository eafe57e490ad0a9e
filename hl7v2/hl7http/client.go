// Package hl7http sends HL7v2 messages over HTTP, one in a request: POST with Content-Type application/hl7-v2, as the HAPI project's
// "HL7 over HTTP" does. The body of an answer may be an acknowledgement.
package hl7http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// MediaType is the Content-Type of messages.
const MediaType = "application/hl7-v2"

// MaxAnswer bounds what is read of an answer, in bytes.
const MaxAnswer = 1 << 20

// Client sends to one URL.
type Client struct {
	URL    string
	Token  string // bearer token; empty: none
	Client *http.Client
}

// Answer is what the receiver says.
type Answer struct {
	Status     int
	Body       []byte        // at most MaxAnswer bytes; an acknowledgement, perhaps
	RetryAfter time.Duration // 0 if it was not said in seconds
}

// Send sends a message, and reads the answer. The error is the network's; it does not name the URL, which may hold a password.
func (c *Client) Send(ctx context.Context, message []byte) (*Answer, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(message))
	if err != nil {
		return nil, innermost(err)
	}
	rq.Header.Set("Content-Type", MediaType)
	rq.Header.Set("Accept", MediaType+", */*;q=0.1")
	if c.Token != "" {
		rq.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.Client.Do(rq)
	if err != nil {
		return nil, innermost(err)
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode}
	if a.Body, err = io.ReadAll(io.LimitReader(resp.Body, MaxAnswer)); err != nil {
		return nil, fmt.Errorf("the answer breaks off: %w", err)
	}
	const day = 24 * 60 * 60
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && s < day {
		a.RetryAfter = time.Duration(s) * time.Second
	}
	return a, nil
}

// innermost takes what net/http says around an error off it.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
