package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// ErrDisagree is in the chain of the error when an object contradicts what its
// sender said of it: SOP Class or Instance UID of the C-STORE command, study of the STOW-RS URL.
var ErrDisagree = errors.New("the object disagrees with what its sender said of it")

// arrival is one object that has been read to its end.
type arrival struct {
	splitter
	parts    []*bulkPart // bulk values, then the head if it is a blob of its own
	rec      objectRecord
	identity Identity
	study    *dataset.Set
	series   *dataset.Set
	instance *dataset.Set
	bad      error       // why it cannot be understood; nil if it can
	coerced  *arrival    // what is served in its place; nil: it itself
	derived  *arrival    // the same, to be closed also if the object was refused after all
	changed  []dicom.Tag // of a coerced one: which top-level attributes

	rejection *rejection // of a rejection note: what it rejects
}

// Store takes one object in: reads it once, and answers when its bytes and its
// rows are durable. An object that cannot be understood is kept in quarantine; the receipt then says
// so and the error is of kind Invalid. Exhausted and Transient mean that nothing was kept and the
// sender should try again. An error of in.Body is returned as it is.
func (a *Archive) Store(ctx context.Context, in Inbound) (Receipt, error) {
	if err := a.acquire(ctx); err != nil {
		return Receipt{}, err
	}
	defer a.release()
	arr, err := a.receive(ctx, in)
	if err == nil {
		err = a.coerce(ctx, &in, arr)
	}
	if err == nil {
		err = a.readNote(ctx, arr)
	}
	if err != nil {
		return Receipt{}, errors.Join(err, arr.close())
	}
	rec, err := a.keep(ctx, arr, in.Unkept)
	if cerr := arr.close(); err == nil {
		err = cerr
	}
	return rec, err
}

// close frees everything that was not stored.
func (arr *arrival) close() error {
	err := arr.splitter.close()
	if arr.derived != nil {
		err = errors.Join(err, arr.derived.splitter.close())
	}
	return err
}

func (a *Archive) keep(ctx context.Context, arr *arrival, unkept bool) (Receipt, error) {
	if arr.bad == nil {
		rcpt, err := a.commit(ctx, arr)
		if !errors.Is(err, errVersion) {
			return rcpt, err
		}
		arr.refuse(errVersion)
	}
	if unkept {
		rcpt := Receipt{Identity: arr.identity, SOPClass: arr.rec.Manifest.SOPClass}
		return rcpt, halong.E("storage.Store", halong.Invalid, arr.identity.SOP.Loggable(), arr.bad)
	}
	return a.quarantine(ctx, arr)
}

// receive reads in.Body to its end. The arrival is never nil and must be closed.
func (a *Archive) receive(ctx context.Context, in Inbound) (*arrival, error) {
	arr := &arrival{splitter: splitter{ctx: ctx, blobs: a.blobs}}
	arr.lookup = a.similar(ctx)
	head, err := a.blobs.Create(ctx, BlobHint{Size: headHint, Lookup: arr.lookup})
	if err != nil {
		return arr, err
	}
	arr.head = head
	arr.rec.Facility, arr.rec.Source = in.Facility, in.Source
	arr.rec.Received = a.now().UTC().Truncate(time.Microsecond)

	ts, body, raw, err := a.open(in)
	if err != nil && !isSyntax(err) {
		return arr, err
	}
	arr.rec.Envelope = raw
	if err == nil {
		err = arr.run(body, ts, a.limits)
		ts = arr.r.SyntaxUsed()
	} else if _, cerr := io.Copy(head, body); cerr != nil {
		return arr, cerr
	}
	if err != nil && !isSyntax(err) {
		return arr, err
	}
	return arr, arr.describe(in, ts, err)
}

// headHint is the size in bytes that most heads keep below.
const headHint = 8 << 10

func isSyntax(err error) bool {
	var s *dataset.SyntaxError
	return errors.As(err, &s)
}

// open finds the transfer syntax and the beginning of the data set.
func (a *Archive) open(in Inbound) (*dicom.TransferSyntax, io.Reader, []byte, error) {
	if !in.Part10 {
		return syntaxOf(in.TransferSyntax), in.Body, nil, nil
	}
	h, body, err := dataset.ReadFileHeader(in.Body, a.limits)
	var raw []byte
	if h != nil {
		raw = h.Raw
	}
	if err != nil {
		return syntaxOf(""), body, raw, err
	}
	return syntaxOf(h.TransferSyntax), body, raw, nil
}

// syntaxOf looks a transfer syntax up; unknown ones are read as explicit little
// endian with encapsulated pixel data, as private ones are made today.
func syntaxOf(uid dicom.UID) *dicom.TransferSyntax {
	if ts, ok := dicom.LookupTransferSyntax(uid); ok {
		return ts
	}
	return &dicom.TransferSyntax{UID: uid, ExplicitVR: true, Encapsulated: true, Pixels: true}
}

// describe fills in the record once all bytes have been read; syntax is what
// the reader stumbled over, nil if nothing.
func (arr *arrival) describe(in Inbound, ts *dicom.TransferSyntax, syntax error) error {
	info, err := arr.head.Finish()
	if err != nil {
		return err
	}
	r := &arr.rec
	arr.study, arr.series, arr.instance = arr.attrs.finish(ts.UID)
	r.Manifest = Manifest{
		SOPClass: arr.instance.UID(tag.SOPClassUID), SOPInstance: arr.instance.UID(tag.SOPInstanceUID),
		TransferSyntax: ts.UID, Head: info.Digest, HeadLength: info.Size,
	}
	for i := range arr.bulk {
		r.Manifest.Bulk = append(r.Manifest.Bulk, arr.bulk[i].Bulk)
		arr.parts = append(arr.parts, &arr.bulk[i])
	}
	if b, ok := arr.head.Bytes(); ok {
		r.Head = b
	} else {
		arr.parts = append(arr.parts, &bulkPart{info: info, w: arr.head})
	}
	for _, p := range arr.parts {
		r.Parts = append(r.Parts, p.info)
	}
	r.Tail = int64(arr.trailing.Len())
	r.Envelope = append(r.Envelope, arr.trailing.Bytes()...)
	r.Frames = arr.frames()
	r.Study, r.Series = arr.study.UID(tag.StudyInstanceUID), arr.series.UID(tag.SeriesInstanceUID)
	arr.identity = Identity{Facility: r.Facility, Study: r.Study, Series: r.Series, SOP: r.Manifest.SOPInstance}
	arr.bad = arr.check(in)
	if syntax != nil && (arr.bad != nil || !arr.salvage(in, ts, syntax)) {
		arr.bad = syntax
	}
	if arr.bad != nil {
		arr.refuse(arr.bad)
	}
	return nil
}

// refuse marks an object for the quarantine.
func (arr *arrival) refuse(why error) {
	arr.bad = why
	arr.rec.Reason, arr.rec.Frames, arr.rec.Torn = why.Error(), nil, 0
	arr.coerced, arr.rec.Coerced = nil, nil
}

// salvage lets an object be filed that was cut off on its medium after
// everything needed for filing: whoever imports it may have nothing better. By C-STORE a sender can be
// told, and has the object still; there it is refused.
func (arr *arrival) salvage(in Inbound, ts *dicom.TransferSyntax, syntax error) bool {
	if !in.Part10 || ts.Deflated || !errors.Is(syntax, io.ErrUnexpectedEOF) {
		return false
	}
	arr.rec.Torn, arr.rec.Reason = arr.at, syntax.Error()
	if arr.pixels >= arr.at {
		arr.rec.Frames = nil
	}
	return true
}

// check tells what keeps a readable object from being filed.
func (arr *arrival) check(in Inbound) error {
	m := &arr.rec.Manifest
	for _, u := range []struct {
		tag dicom.Tag
		uid dicom.UID
	}{{tag.SOPClassUID, m.SOPClass}, {tag.SOPInstanceUID, m.SOPInstance}, {tag.StudyInstanceUID, arr.rec.Study}, {tag.SeriesInstanceUID, arr.rec.Series}} {
		if u.uid == "" {
			return fmt.Errorf("%v is missing", u.tag)
		}
		if !usable(u.uid) {
			return fmt.Errorf("%v is not a UID", u.tag)
		}
	}
	switch {
	case in.SOPClass != "" && in.SOPClass != m.SOPClass:
		return fmt.Errorf("%w: %v", ErrDisagree, tag.SOPClassUID)
	case in.SOPInstance != "" && in.SOPInstance != m.SOPInstance:
		return fmt.Errorf("%w: %v", ErrDisagree, tag.SOPInstanceUID)
	case in.Study != "" && in.Study != arr.rec.Study:
		return fmt.Errorf("%w: %v", ErrDisagree, tag.StudyInstanceUID)
	}
	return nil
}

// usable tells whether a UID can be filed and named in a URL. Real objects bear
// UIDs that break PS3.5 9.1 (leading zeros, letters); those are taken as they are.
func usable(u dicom.UID) bool {
	if len(u) == 0 || len(u) > 64 {
		return false
	}
	for i := 0; i < len(u); i++ {
		c := u[i]
		if !(c == '.' || c == '-' || c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}
