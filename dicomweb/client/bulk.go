package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Range is a part of a value: Length bytes from Start. A Length of 0 means up to the end; a negative Start, that many bytes before the end.
type Range struct{ Start, Length int64 }

// Bulk is a value, or a part of it. Close it.
type Bulk struct {
	io.ReadCloser
	ContentType string
	ETag        string // for BulkOptions.IfRange
	Start       int64  // where in the value it begins
	Length      int64  // of this part in bytes; -1 if the server does not say
	Total       int64  // of the value in bytes; -1 if the server does not say
}

// BulkOptions say what is wanted of a value.
type BulkOptions struct {
	Range   *Range // nil: all of it
	IfRange string // an ETag: only if the value is still that one; the whole of it else
	Accept  string // default "*/*"
}

// ErrRange says that the server answered with another part than the one that was asked for.
var ErrRange = errors.New("dicomweb: the answer is another range than was asked for")

// Bulkdata gives a value by its BulkDataURI, which may be relative to the service (PS3.18 10.4.1.1.5). A server without ranges gives the whole: Start and Length tell.
func (c *Client) Bulkdata(ctx context.Context, uri string, o BulkOptions) (*Bulk, error) {
	at, err := c.resolve(uri)
	if err != nil {
		return nil, err
	}
	h := http.Header{"Accept": {o.Accept}, "Accept-Encoding": {"identity"}} // ranges are of the bytes themselves
	if o.Accept == "" {
		h.Set("Accept", "*/*")
	}
	if o.Range != nil {
		h.Set("Range", o.Range.header())
		if o.IfRange != "" {
			h.Set("If-Range", o.IfRange)
		}
	}
	resp, err := c.send(ctx, request{op: "Retrieve Bulkdata", method: http.MethodGet, url: at, header: h})
	if err != nil {
		return nil, err
	}
	b := &Bulk{ReadCloser: resp.Body, ContentType: resp.Header.Get("Content-Type"), ETag: resp.Header.Get("ETag"), Length: resp.ContentLength, Total: resp.ContentLength}
	if resp.StatusCode == http.StatusPartialContent {
		if err := b.place(resp.Header.Get("Content-Range"), o.Range); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

// place reads Content-Range (RFC 9110 14.4).
func (b *Bulk) place(contentRange string, asked *Range) error {
	var last int64
	total := ""
	if n, err := fmt.Sscanf(contentRange, "bytes %d-%d/%s", &b.Start, &last, &total); err != nil || n != 3 || asked == nil {
		return ErrRange
	}
	b.Length, b.Total = last-b.Start+1, -1
	if n, err := strconv.ParseInt(total, 10, 64); err == nil {
		b.Total = n
	}
	if b.Length < 1 || asked.Start >= 0 && b.Start != asked.Start || asked.Length > 0 && asked.Start >= 0 && b.Length > asked.Length {
		return ErrRange
	}
	return nil
}

// header gives the value of Range.
func (r *Range) header() string {
	switch {
	case r.Start < 0:
		return "bytes=" + strconv.FormatInt(r.Start, 10)
	case r.Length <= 0:
		return "bytes=" + strconv.FormatInt(r.Start, 10) + "-"
	}
	return "bytes=" + strconv.FormatInt(r.Start, 10) + "-" + strconv.FormatInt(r.Start+r.Length-1, 10)
}

// resolve makes a URI of the server's absolute.
func (c *Client) resolve(uri string) (string, error) {
	base, err := url.Parse(c.base() + "/")
	if err != nil {
		return "", ErrURL
	}
	u, err := base.Parse(strings.TrimSpace(uri))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", ErrURL
	}
	return u.String(), nil
}
