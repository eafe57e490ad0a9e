package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// Reason says why something is deleted. Other servers than Halong pass over it.
type Reason struct {
	Code  string `json:"code,omitempty"`   // of the DICOM Controlled Terminology: "113037"
	Text  string `json:"reason,omitempty"` // no patient data
	Purge bool   `json:"purge,omitempty"`  // the bytes too, at once
}

// Delete deletes a study, series or instance. PS3.18 has no such transaction for studies; Halong, dcm4chee-arc, Google and Azure have this one. What is
// not there (any more) is an *Error with status 404 or 410.
func (c *Client) Delete(ctx context.Context, r Resource, why Reason) error {
	if !r.whole() {
		return ErrResource
	}
	rq := request{op: "Delete", method: http.MethodDelete, url: c.base() + r.path(), header: http.Header{"Accept": {"application/json, */*;q=0.1"}}}
	if why != (Reason{}) {
		b, err := json.Marshal(why)
		if err != nil {
			return err
		}
		rq.body = b
		rq.header.Set("Content-Type", "application/json")
	}
	return c.done(ctx, rq)
}

// done sends a request whose answer is its status alone.
func (c *Client) done(ctx context.Context, rq request) error {
	resp, err := c.send(ctx, rq)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, MaxProblem))
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	return err
}
