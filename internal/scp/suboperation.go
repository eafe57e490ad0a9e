package scp

import (
	"context"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/ul"
	"github.com/halong-gateway/halong/storage"
)

// convertible are the transfer syntaxes that uncompressed objects can be given in, the best first (PS3.5 10.1).
var convertible = []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian, dicom.ExplicitVRBigEndian}

// uncompressed tells whether objects in a transfer syntax can be converted without a codec.
func uncompressed(ts dicom.UID) bool {
	t, ok := dicom.LookupTransferSyntax(ts)
	return ok && (nativeSyntax(ts) || t.Deflated && !t.Encapsulated)
}

// contextFor chooses the accepted Presentation Context for an object: the stored transfer syntax if the peer takes
// it, else one that the object can be converted to.
func contextFor(a *dimse.Association, p pair) (ul.Context, bool) {
	if c, ok := a.Find(p.class, p.syntax); ok || !uncompressed(p.syntax) {
		return c, ok
	}
	for _, ts := range convertible {
		if c, ok := a.Find(p.class, ts); ok {
			return c, true
		}
	}
	return ul.Context{}, false
}

// originator says on whose behalf C-STORE is sent (PS3.7 9.1.1.1.8); the zero value says nothing.
type originator struct {
	ae string
	id *uint16
}

// store is one C-STORE sub-operation. lost tells that the Association cannot be used any more. It is not
// interrupted by C-CANCEL: ctx ends when the server does.
func (r *retrieval) store(ctx context.Context, a *dimse.Association, it *item, from originator) (o outcome, lost bool) {
	c, ok := contextFor(a, it.pair)
	if !ok {
		r.log.Warn("object not sent: no presentation context", "sop", string(it.sop), "class", string(it.pair.class), "syntax", string(it.pair.syntax))
		return subFailed, false
	}
	resp, lost, err := r.call(ctx, a, it, c, from)
	switch {
	case err != nil:
		r.log.Warn("object not sent", "sop", string(it.sop), "error", err)
	case resp.Status == dimse.Success:
		return subCompleted, false
	case resp.Status.IsWarning():
		return subWarning, false
	default:
		r.log.Warn("object not taken", "sop", string(it.sop), "status", resp.Status.String())
	}
	return subFailed, lost
}

func (r *retrieval) call(ctx context.Context, a *dimse.Association, it *item, c ul.Context, from originator) (_ *dimse.Response, lost bool, err error) {
	obj, err := r.open(ctx, it)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	body, stop := bodyIn(obj, c.TransferSyntax)
	defer stop()
	command := &dimse.Command{
		Field: dimse.CStoreRQ, AffectedSOPClass: it.pair.class, AffectedSOPInstance: it.sop, Priority: r.rq.Command.Priority,
		MoveOriginator: from.ae, MoveOriginatorID: from.id,
	}
	resp, err := a.Call(ctx, c.ID, command, body, nil)
	return resp, err != nil, err
}

// errGone says that an object is not there any more.
var errGone = errors.New("not there any more")

func (r *retrieval) open(ctx context.Context, it *item) (*storage.Object, error) {
	ref := storage.Ref{Study: it.study, Series: it.series, SOP: it.sop, Facility: it.facility}
	for in, err := range r.archive.Instances(ctx, r.scope, ref) {
		if err != nil {
			return nil, err
		}
		if (pair{in.Manifest.SOPClass, in.Manifest.TransferSyntax}) != it.pair {
			break // another version is served since
		}
		return r.archive.Open(ctx, in)
	}
	return nil, halong.E("scp.retrieve", halong.NotExist, string(it.sop), errGone)
}

// bodyIn gives an object's data set in a transfer syntax: the stored bytes, or converted while they are sent. Call stop
// when done.
func bodyIn(obj *storage.Object, to dicom.UID) (io.Reader, func()) {
	if obj.TransferSyntax().UID == to {
		return obj.Readable(), func() {}
	}
	ts, _ := dicom.LookupTransferSyntax(to) // one of convertible
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pw.CloseWithError(dataset.Transcode(pw, dataset.NewReader(obj.Readable(), obj.TransferSyntax()), ts)) // never fails
	}()
	return pr, func() {
		_ = pr.Close() // never fails
		<-done
	}
}

// running gives a context for sub-operations: it does not end by C-CANCEL, which lets the one that is under way finish,
// but with everything else that ends ctx.
func running(ctx context.Context) (context.Context, context.CancelFunc) {
	sub, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), dimse.ErrCancelled) {
			cancel()
		}
	})
	return sub, func() { stop(); cancel() }
}
