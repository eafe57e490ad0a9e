package scu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/negotiate"
)

type (
	pair     = negotiate.Pair
	proposal = negotiate.Proposal
)

// carrier is one Association of a Send.
type carrier struct {
	s      *sender
	a      *dimse.Association
	single bool    // one request at a time
	sent   []*file // and not answered, in order
	unsent []*file // since the Association was lost before
}

// sendAll sends files on one Association; it gives those to be tried again on another one: what was sent and not answered when
// the Association was lost, and what was not sent.
func (s *sender) sendAll(ctx context.Context, a *dimse.Association, files []*file) []*file {
	longer, done := outlive(ctx)
	defer done()
	window, _ := a.Window()
	c := &carrier{s: s, a: a, single: window == 1}
	var err error
	for len(files) > 0 && err == nil && ctx.Err() == nil {
		var f *file
		f, files = files[0], files[1:]
		err = c.put(longer, f)
	}
	if err == nil {
		err = a.Flush(longer)
	}
	if err != nil {
		_ = a.Close() // the Association's failure is reported with the files
		s.broken++
		return append(c.again(err), files...)
	}
	if err := a.Release(); err != nil {
		_ = a.Close() // every file was answered: nothing is lost with the release
	}
	return files
}

// put sends a file. The error tells that the Association is lost. A file that was under way when another was lost is sent by
// itself, so that it is found out which one the peer does not bear.
func (c *carrier) put(ctx context.Context, f *file) error {
	pc, ok := negotiate.Choose(c.a, pair{SOPClass: f.class, TransferSyntax: f.transferSyntax})
	if !ok {
		c.s.report(f, nil, fmt.Errorf("peer accepts no presentation context for SOP class %s with transfer syntax %s", f.class, f.transferSyntax))
		return nil
	}
	if f.attempts > 0 {
		if err := c.a.Flush(ctx); err != nil {
			return c.back(f, err)
		}
	}
	body, err := f.open(pc.TransferSyntax)
	if err != nil {
		c.s.report(f, nil, err)
		return nil
	}
	f.sentIn = pc.TransferSyntax
	c.sent = append(c.sent, f)
	rq := &dimse.Command{Field: dimse.CStoreRQ, AffectedSOPClass: f.class, AffectedSOPInstance: f.instance}
	begun := &begun{Reader: body}
	err = c.a.Go(ctx, pc.ID, rq, begun, func(resp *dimse.Response, err error) {
		if err == nil {
			c.answered(f, resp)
		}
	})
	_ = body.Close() // only read from
	var unreadable *dimse.DataError
	switch {
	case errors.As(err, &unreadable):
		c.forget(f)
		c.s.report(f, nil, err)
	case err != nil && !begun.read: // the Association was lost before, while there was waited for room in the window
		c.forget(f)
		return c.back(f, err)
	case err == nil && (f.attempts > 0 || c.single):
		err = c.a.Flush(ctx)
	}
	return err
}

// begun notices whether a Data Set began to be sent.
type begun struct {
	io.Reader
	read bool
}

// Read implements io.Reader.
func (b *begun) Read(p []byte) (int, error) {
	b.read = true
	return b.Reader.Read(p)
}

// back counts a file that was not sent among those that are to be tried again, without an attempt made.
func (c *carrier) back(f *file, err error) error {
	c.unsent = append(c.unsent, f)
	return err
}

func (c *carrier) forget(f *file) {
	c.sent = slices.DeleteFunc(c.sent, func(x *file) bool { return x == f })
}

// answered reports what the peer says of a file.
func (c *carrier) answered(f *file, resp *dimse.Response) {
	c.forget(f)
	c.s.failures, c.s.broken = 0, 0
	var err error
	if !resp.Status.OK() {
		err = &dimse.StatusError{Field: resp.Field, Status: resp.Status, Comment: resp.ErrorComment}
	}
	c.s.report(f, resp, err)
}

// again gives the files that are tried once more after the Association was lost; those that were tried often enough are reported.
func (c *carrier) again(err error) (list []*file) {
	var unreadable *dimse.DataError
	for _, f := range c.sent {
		if f.attempts++; f.attempts > c.s.target.Retries && !errors.As(err, &unreadable) {
			c.s.failures++
			c.s.report(f, nil, err)
			continue
		}
		list = append(list, f)
	}
	return append(list, c.unsent...)
}
