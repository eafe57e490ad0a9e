package scp

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicom/ul"
	"github.com/halong-gateway/halong/storage"
)

// supply opens the objects of a retrieval, each while the one before it is being sent.
type supply struct {
	sender   *sender
	prepared chan prepared
	stop     context.CancelFunc
	ended    chan struct{}
}

// uids are what a C-STORE-RQ says of its object.
type uids struct{ class, instance dicom.UID }

// prepared is an object ready to be sent.
type prepared struct {
	uids
	context ul.Context
	body    io.Reader
	err     error // why it cannot be sent
	closers []io.Closer
}

func (p *prepared) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		_ = p.closers[i].Close() // it was read to its end, or the failure is known
	}
}

func (s *sender) supply(ctx context.Context, items []*item) *supply {
	ctx, stop := context.WithCancel(ctx)
	x := &supply{sender: s, prepared: make(chan prepared), stop: stop, ended: make(chan struct{})}
	go x.run(ctx, items)
	return x
}

func (x *supply) run(ctx context.Context, items []*item) {
	defer close(x.ended)
	c := cursor{retrieval: x.sender.retrieval}
	defer c.close()
	for i, it := range items {
		c.more = i+1 < len(items) && items[i+1].series == it.series && items[i+1].study == it.study
		p := x.prepare(ctx, &c, it)
		select {
		case x.prepared <- p:
		case <-ctx.Done():
			p.close()
			return
		}
	}
}

// next gives the next item.
func (x *supply) next(ctx context.Context) prepared {
	select {
	case p := <-x.prepared:
		return p
	case <-ctx.Done():
		return prepared{err: ctx.Err()}
	}
}

// close forgets what was not taken.
func (x *supply) close() {
	x.stop()
	<-x.ended
}

// errNoContext says that the peer accepted no Presentation Context for an object.
var errNoContext = errors.New("no presentation context")

func (x *supply) prepare(ctx context.Context, c *cursor, it *item) (p prepared) {
	p.uids = uids{it.pair.SOPClass, it.sop}
	var ok bool
	if p.context, ok = negotiate.Choose(x.sender.association, it.pair); !ok {
		p.err = errNoContext
		return p
	}
	in, err := c.find(ctx, it)
	var obj *storage.Object
	if err == nil {
		obj, err = x.sender.archive.Open(ctx, in)
	}
	if err != nil {
		p.err = err
		return p
	}
	p.closers = append(p.closers, obj)
	p.err = p.read(obj, x.sender.edit)
	return p
}

// read finds out how the object is read in the transfer syntax of the context: changed, converted, or the stored bytes.
func (p *prepared) read(obj *storage.Object, edit storage.Edit) error {
	ts, ok := dicom.LookupTransferSyntax(p.context.TransferSyntax)
	switch stored := obj.TransferSyntax(); {
	case edit != nil:
		r, err := obj.Edited(p.noting(edit), ts)
		if err != nil {
			return err
		}
		p.body, p.closers = r, append(p.closers, r)
	case ok && stored.UID != ts.UID:
		r := negotiate.Converted(obj.Readable(), stored, ts)
		p.body, p.closers = r, append(p.closers, r)
	default:
		r := obj.Readable()
		touch(r)
		p.body = r
	}
	return nil
}

// noting takes the UIDs for the command set from the data set after it was changed.
func (p *prepared) noting(edit storage.Edit) storage.Edit {
	return func(s *dataset.Set) error {
		err := edit(s)
		if u := s.UID(tag.SOPClassUID); u != "" {
			p.class = u
		}
		if u := s.UID(tag.SOPInstanceUID); u != "" {
			p.instance = u
		}
		return err
	}
}

// touch lets the system begin to read an object from the disk: where it begins, and where its bulk value does, as a rule. What follows is
// read ahead by the system itself. To copy it into memory of our own would cost more than it saves: nearly always it is in the page cache.
func touch(r *io.SectionReader) {
	var b [1]byte
	for _, at := range [...]int64{0, r.Size() / 2} {
		_, _ = r.ReadAt(b[:], at) // the sender will come upon the failure
	}
}

// cursor finds items in the index: those of a series that follow one another in the order in which they were planned, with one query.
type cursor struct {
	*retrieval
	more          bool // the next item is of the same series
	study, series dicom.UID
	off           bool // the items of this series are not all of it
	next          func() (*storage.Instance, error, bool)
	stop          func()
}

// errGone says that an object is not there any more.
var errGone = errors.New("not there any more")

// find gives the instance of an item, unless another version of it is served since.
func (c *cursor) find(ctx context.Context, it *item) (*storage.Instance, error) {
	if c.study != it.study || c.series != it.series {
		c.close()
		c.study, c.series, c.off = it.study, it.series, !c.more
	}
	if !c.off && c.next == nil {
		c.next, c.stop = iter.Pull2(c.archive.Instances(ctx, c.scope, storage.Ref{Study: it.study, Series: it.series}))
	}
	if !c.off {
		in, err, ok := c.next()
		if ok && err == nil && in.SOP == it.sop && in.Facility == it.facility {
			return c.same(in, it)
		}
		c.close() // something came or went meanwhile, or not all of the series was asked for
		c.off = true
	}
	ref := storage.Ref{Study: it.study, Series: it.series, SOP: it.sop, Facility: it.facility}
	for in, err := range c.archive.Instances(ctx, c.scope, ref) {
		if err != nil {
			return nil, err
		}
		return c.same(in, it)
	}
	return nil, halong.E("scp.retrieve", halong.NotExist, string(it.sop), errGone)
}

func (c *cursor) same(in *storage.Instance, it *item) (*storage.Instance, error) {
	if (negotiate.Pair{SOPClass: in.Manifest.SOPClass, TransferSyntax: in.Manifest.TransferSyntax}) != it.pair {
		return nil, halong.E("scp.retrieve", halong.NotExist, string(it.sop), errGone)
	}
	return in, nil
}

func (c *cursor) close() {
	if c.stop != nil {
		c.stop()
	}
	c.next, c.stop = nil, nil
}
