package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicomweb/client"
)

// STOW sends by STOW-RS (PS3.18 10.5), as the objects are stored: there is no negotiation.
type STOW struct {
	Client *client.Client
	AE     string // Source Application Entity Title (0002,0016) of what is sent; may be empty
}

func (s *STOW) carrier() carrier { return &requests{s} }

// A request takes so many objects, or bytes.
const (
	requestObjects = 16
	requestBytes   = 32 << 20
)

// requests is a carrier. Connections are kept by the HTTP client.
type requests struct{ s *STOW }

func (c *requests) rest() {}

// send implements carrier. What failed once before is sent alone, so that nothing else is refused with it.
func (c *requests) send(ctx context.Context, j *job) error {
	for at := 0; at < len(j.entries); {
		if j.stop() || ctx.Err() != nil {
			return nil
		}
		n := 1
		for j.entries[at].Attempts <= 1 && at+n < len(j.entries) && n < requestObjects && j.entries[at+n].Attempts <= 1 {
			n++
		}
		rq := &request{job: j, first: at, past: at + n}
		answer, err := c.s.Client.Store(ctx, func() (client.Part, error) { return rq.next(ctx, c.s.AE) })
		cerr := rq.close()
		if err = errors.Join(err, cerr); !errors.Is(err, errNothing) {
			err = rq.judge(answer, err)
		} else {
			err = nil // none of them is there any more
		}
		if err != nil {
			return err
		}
		at = rq.at()
	}
	return nil
}

// request is one request with some of a job's entries.
type request struct {
	*job
	first, past int
	taken       int // entries looked at so far
	parts       []part
	bytes       int64
	current     io.Closer // of the part on its way
	bad         error     // of reading an object
}

type part struct {
	i   int // of the entry
	sop dicom.UID
}

// at is the first entry that was not looked at.
func (r *request) at() int { return r.first + max(r.taken, 1) }

// next gives the next object as a part.
func (r *request) next(ctx context.Context, ae string) (client.Part, error) {
	for {
		if err := r.close(); err != nil {
			return client.Part{}, err
		}
		i := r.first + r.taken
		if i == r.past || r.taken > 0 && r.bytes > requestBytes {
			if len(r.parts) == 0 {
				return client.Part{}, errNothing
			}
			return client.Part{}, io.EOF
		}
		r.taken++
		if !r.wanted(i) {
			continue
		}
		e := &r.entries[i]
		obj, err := r.open(ctx, &e.Item)
		if err != nil {
			r.end(i, unreadable(err))
			continue
		}
		syntax := obj.TransferSyntax()
		enc, err := obj.Encode(syntax)
		if err != nil {
			r.end(i, unreadable(errors.Join(err, obj.Close())))
			continue
		}
		r.current = closers{enc.Body, obj}
		r.parts = append(r.parts, part{i, enc.SOPInstance})
		r.bytes += obj.Size()
		head := dataset.AppendFileHeader(nil, e.Class, enc.SOPInstance, syntax, ae)
		body := r.limit.reader(ctx, io.MultiReader(bytes.NewReader(head), &watched{enc.Body, r}))
		// Without the transfer-syntax parameter: the file says it itself, and Orthanc refuses parts that bear one.
		return client.Part{ContentType: "application/dicom", Body: body}, nil
	}
}

// errNothing ends a request that has nothing to send.
var errNothing = errors.New("nothing to send")

func (r *request) close() error {
	if r.current == nil {
		return nil
	}
	c := r.current
	r.current = nil
	return c.Close()
}

type closers []io.Closer

// Close closes all.
func (c closers) Close() (err error) {
	for _, x := range c {
		err = errors.Join(err, x.Close())
	}
	return err
}

// watched notes that an object could not be read.
type watched struct {
	io.Reader
	r *request
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil && err != io.EOF {
		w.r.bad = err
	}
	return n, err
}

// judge tells of every part what came of it. The error says that the destination cannot be reached, or takes nothing from us.
func (r *request) judge(a *client.Answer, err error) error {
	if r.bad != nil {
		last := len(r.parts) - 1
		r.end(r.parts[last].i, unreadable(r.bad))
		r.all(r.parts[:last], again("the request was ended, because another object could not be read"))
		return nil
	}
	if err != nil {
		r.all(r.parts, again("the request failed: %v", reasonOf(err)))
		return err
	}
	switch {
	case len(r.parts) == 0: // answered before anything was sent
	case a.Status == 200, a.Status == 202, a.Status == 409:
		r.instances(a)
		return nil
	case a.Status == 400, a.Status == 406, a.Status == 413, a.Status == 415, a.Status == 422:
		if len(r.parts) > 1 { // one of them may be why: alone next time
			r.all(r.parts, again("the request was refused with HTTP status %d", a.Status))
		} else {
			r.all(r.parts, dead("refused with HTTP status %d", a.Status))
		}
		return nil
	}
	r.all(r.parts, again("HTTP status %d", a.Status))
	return &refusal{a.Status, a.RetryAfter}
}

func (r *request) all(parts []part, o outcome) {
	for _, p := range parts {
		x := o
		x.sentAs = p.sop
		r.end(p.i, x)
	}
}

// instances reads what the answer says of each.
func (r *request) instances(a *client.Answer) {
	said := r.readStoreAnswer(a)
	for _, p := range r.parts {
		o, ok := said[p.sop]
		switch {
		case ok:
		case a.Status == 200:
			o = outcome{state: Done}
		case a.Status == 202 && len(r.parts) == 1:
			o = outcome{state: Done, reason: "taken with HTTP status 202, without details"}
		case a.Status == 409 && len(r.parts) == 1:
			o = dead("refused with HTTP status 409, without details")
		default:
			o = again("HTTP status %d does not tell of it", a.Status)
		}
		o.sentAs = p.sop
		r.end(p.i, o)
	}
}

func isJSON(contentType string) bool {
	m, _, _ := strings.Cut(contentType, ";")
	m = strings.ToLower(strings.TrimSpace(m))
	return m == "application/dicom+json" || m == "application/json"
}
