package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is a refusal: an answer with a status that does not mean success.
type Error struct {
	Op         string // the transaction: "Search", "Retrieve" …
	Status     int
	RetryAfter time.Duration // 0 if the server does not say
	Problem    Problem       // what it says about itself (RFC 9457), as far as it does
	// ContentType and Body are the answer's, cut off at MaxProblem.
	ContentType string
	Body        []byte
}

// Problem is the object of application/problem+json (RFC 9457 3.1).
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
}

// MaxProblem is how much of a refusal's body is read, in bytes.
const MaxProblem = 64 << 10

// Error tells transaction and status. What the server wrote is left out, as it may name patients.
func (e *Error) Error() string {
	return "dicomweb: " + e.Op + ": " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
}

// StatusOf gives the HTTP status of a refusal; 0 when err is none.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// refused makes the Error of an answer and closes it.
func refused(op string, resp *http.Response) error {
	defer resp.Body.Close()
	e := &Error{Op: op, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header), ContentType: resp.Header.Get("Content-Type")}
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxProblem))
	if err != nil {
		return errors.Join(e, fmt.Errorf("reading the refusal: %w", err))
	}
	e.Body = b
	if strings.Contains(e.ContentType, "json") {
		_ = json.Unmarshal(b, &e.Problem) // of another shape: Body has it
	}
	return e
}

// retryAfter reads Retry-After (RFC 9110 10.2.3), at most a day.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(min(n, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, min(time.Until(at), 24*time.Hour))
	}
	return 0
}
