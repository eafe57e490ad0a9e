package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// ErrResource says that a resource has a UID without one of those above it, or none.
var ErrResource = errors.New("dicomweb: the resource is incomplete")

// AsStored is the transfer syntax that leaves everything as the server has it.
const AsStored = "*"

// Retrieve gives the instances of a study, of a series, or one (PS3.18 10.4), as PS3.10 files in one of the transfer syntaxes, the first preferred; none means
// AsStored. The body of a part is to be read before the next one is asked for. A stream that breaks off ends with an error.
func (c *Client) Retrieve(ctx context.Context, r Resource, syntaxes ...dicom.UID) iter.Seq2[*Part, error] {
	if !r.whole() {
		return failed[*Part](ErrResource)
	}
	var accept []string
	for _, s := range syntaxes {
		accept = append(accept, `multipart/related; type="application/dicom"; transfer-syntax=`+string(s))
	}
	if accept == nil {
		accept = []string{`multipart/related; type="application/dicom"; transfer-syntax=` + AsStored}
	}
	return c.parts(ctx, "Retrieve", r.path(), ranked(accept))
}

// Frames gives frames of an instance, numbered from 1 (PS3.18 10.4.1.1.3), in one of the media types, the first preferred:
// "application/octet-stream", "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50" … None means as the server has them, which viewers ask for too.
func (c *Client) Frames(ctx context.Context, r Resource, frames []int, mediaTypes ...string) iter.Seq2[*Part, error] {
	if !r.whole() || r.Instance == "" || len(frames) == 0 {
		return failed[*Part](ErrResource)
	}
	var list, accept []string
	for _, n := range frames {
		list = append(list, strconv.Itoa(n))
	}
	for _, m := range mediaTypes {
		name, parameters, _ := strings.Cut(m, ";")
		a := `multipart/related; type="` + strings.TrimSpace(name) + `"`
		if parameters = strings.TrimSpace(parameters); parameters != "" {
			a += "; " + parameters
		}
		accept = append(accept, a)
	}
	if accept == nil {
		accept = []string{`multipart/related; type="application/octet-stream"; transfer-syntax=` + AsStored}
	}
	return c.parts(ctx, "Retrieve Frames", r.path()+"/frames/"+strings.Join(list, ","), ranked(accept))
}

// Metadata gives all of the instances but their large values (PS3.18 10.4.1.1.2).
func (c *Client) Metadata(ctx context.Context, r Resource) iter.Seq2[Object, error] {
	if !r.whole() {
		return failed[Object](ErrResource)
	}
	return func(yield func(Object, error) bool) {
		resp, err := c.send(ctx, request{
			op: "Retrieve Metadata", method: http.MethodGet, url: c.base() + r.path() + "/metadata", header: http.Header{"Accept": {"application/dicom+json"}},
		})
		if err != nil {
			yield(Object{}, err)
			return
		}
		defer resp.Body.Close()
		for o, err := range documents(resp.Body) {
			if !yield(o, err) {
				return
			}
		}
	}
}

// parts gives the parts of an answer, or the one that it is.
func (c *Client) parts(ctx context.Context, op, path string, accept []string) iter.Seq2[*Part, error] {
	return func(yield func(*Part, error) bool) {
		resp, err := c.send(ctx, request{op: op, method: http.MethodGet, url: c.base() + path, header: http.Header{"Accept": accept}})
		if err != nil {
			yield(nil, err)
			return
		}
		defer resp.Body.Close()
		m, err := multipart.ParseMediaType(resp.Header.Get("Content-Type"))
		if err != nil {
			yield(nil, err)
			return
		}
		if m.Type != "multipart/related" {
			yield(&Part{ContentType: resp.Header.Get("Content-Type"), Location: resp.Header.Get("Content-Location"), Body: resp.Body}, nil)
			return
		}
		r, err := multipart.NewReader(resp.Body, m.Get("boundary"), multipart.Limits{Parts: maxParts})
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			p, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&Part{ContentType: p.Header.Get("Content-Type"), Location: p.Header.Get("Content-Location"), Body: p}, nil) {
				return
			}
		}
	}
}

// maxParts is how many instances or frames an answer may have: what is counted takes no memory.
const maxParts = 1 << 30

// ranked gives Accept with qualities that fall from the first to the last.
func ranked(types []string) []string {
	q := 1.0
	for i, t := range types {
		if i > 0 {
			q = max(0.1, q-0.1)
			types[i] = t + "; q=" + strconv.FormatFloat(q, 'f', 1, 64)
		}
	}
	return []string{strings.Join(types, ", ")}
}

// failed gives an error alone.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}
