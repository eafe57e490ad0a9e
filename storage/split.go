package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// maxTrailing is how many bytes after the end of a data set are kept beside
// it; an object with more goes to quarantine.
const maxTrailing = 1 << 20

// splitter reads a data set once, and on the way hashes and stores its bytes,
// cut into head and bulk values, gathers what the index wants and finds the frames.
type splitter struct {
	ctx      context.Context
	blobs    Blobs
	lookup   func(prefix uint64) (halong.Digest, Place, BlobReader)
	r        *dataset.Reader
	deflated bool
	head     BlobWriter
	bulk     []bulkPart
	trailing limitedBuffer
	attrs    attributes
	at       int64 // offset of the top-level element that is being read
	pixels   int64 // offset of Pixel Data's value in the (inflated) data set; -1 if there is none
}

// bulkPart is one value put aside.
type bulkPart struct {
	Bulk
	info   BlobInfo
	w      BlobWriter // nil after release
	placed *Place     // where the bytes were put; nil if they are in memory only
	gone   bool       // when replayed: the bytes are nowhere
}

func (p *bulkPart) finish() (err error) {
	p.info, err = p.w.Finish()
	p.Length, p.Digest = p.info.Size, p.info.Digest
	return err
}

// place puts the bytes where they will stay.
func (p *bulkPart) place() error {
	if p.placed != nil {
		return nil
	}
	at, err := p.w.Place()
	if err == nil {
		p.placed = &at
	}
	return err
}

// release gives the memory back.
func (p *bulkPart) release() error {
	if p.w == nil {
		return nil
	}
	w := p.w
	p.w = nil
	return w.Close()
}

// run reads to the end. A *dataset.SyntaxError means that the bytes are all
// kept but not understood; any other error that source or store failed.
func (s *splitter) run(body io.Reader, ts *dicom.TransferSyntax, limits dataset.Limits) error {
	s.pixels = -1
	s.deflated = ts.Deflated
	s.trailing.max = maxTrailing
	s.r = dataset.NewReader(body, ts, dataset.WithLimits(limits), dataset.WithTee(s.head), dataset.WithTrailing(&s.trailing))
	err := s.tokens()
	var syntax *dataset.SyntaxError
	if errors.As(err, &syntax) {
		if err := s.r.Drain(); err != nil {
			return err
		}
		if err := s.closeTorn(); err != nil {
			return err
		}
	}
	return err
}

// closeTorn ends a value whose reading broke off in a syntax error; all that
// came after the error has been drained into it.
func (s *splitter) closeTorn() error {
	n := len(s.bulk)
	if n == 0 || s.bulk[n-1].Length >= 0 {
		return nil
	}
	return s.bulk[n-1].finish()
}

func (s *splitter) tokens() error {
	for {
		t, err := s.r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if t.Depth > 0 {
			continue
		}
		if t.Kind == dataset.DataElement || t.Kind == dataset.SequenceStart || t.Kind == dataset.FragmentsStart {
			s.at = t.Offset
		}
		if err := s.topLevel(known(t)); err != nil {
			return err
		}
	}
}

func (s *splitter) topLevel(t dataset.Token) error {
	switch {
	case t.Kind == dataset.FragmentsStart:
		return s.fragments(t)
	case t.Kind == dataset.DataElement && t.VR.IsBulk():
		return s.binary(t)
	case t.Kind == dataset.DataElement, t.Kind == dataset.SequenceStart:
		return s.attrs.take(s.r, t)
	}
	return nil
}

// binary handles a native value that may be large.
func (s *splitter) binary(t dataset.Token) error {
	switch t.Tag {
	case tag.PixelData, tag.FloatPixelData, tag.DoubleFloatPixelData:
		s.pixels = t.ValueOffset
		s.attrs.frames.Native(int64(t.Length), t.VR)
	case tag.ExtendedOffsetTable, tag.ExtendedOffsetTableLengths:
		return s.offsetTable(t)
	}
	if int64(t.Length) <= SplitThreshold || s.deflated {
		return nil
	}
	return s.aside(t, int64(t.Length), s.r.Skip)
}

// offsetTable gives an extended offset table to the frame builder and puts it aside like any other value.
func (s *splitter) offsetTable(t dataset.Token) error {
	read := func() error {
		v, err := s.r.ValueLE()
		if err == nil {
			s.attrs.frames.Element(t.Tag, v)
		}
		return err
	}
	if int64(t.Length) <= SplitThreshold || s.deflated {
		return read()
	}
	return s.aside(t, int64(t.Length), read)
}

// fragments handles an encapsulated value. Its length is not known before its
// end, so it is put aside first and joined to the head again if it was small.
func (s *splitter) fragments(t dataset.Token) error {
	if t.Tag == tag.PixelData {
		s.pixels = t.ValueOffset
	}
	if s.deflated {
		return s.fragmentTokens(t)
	}
	return s.aside(t, -1, func() error { return s.fragmentTokens(t) })
}

func (s *splitter) fragmentTokens(start dataset.Token) error {
	first := true
	for {
		t, err := s.r.Next()
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if t.Kind == dataset.FragmentsEnd {
			return nil
		}
		if start.Tag != tag.PixelData {
			continue
		}
		if err := s.fragment(t, start.ValueOffset, first); err != nil {
			return err
		}
		first = false
	}
}

// fragment tells the frame builder of one fragment; the first is the Basic Offset Table (PS3.5 A.4).
func (s *splitter) fragment(t dataset.Token, base int64, first bool) error {
	if first {
		v, err := s.r.Value()
		if err == nil {
			s.attrs.frames.OffsetTable(v)
		}
		return err
	}
	if err := s.r.Skip(); err != nil {
		return err
	}
	head, tail := s.r.Edges()
	s.attrs.frames.Fragment(t.ValueOffset-base, int64(t.Length), head, tail)
	return nil
}

// maxBuffered is how many bulk values of one object may wait in memory for the
// decision whether they are stored already.
const maxBuffered = 4

// aside sends what read consumes to a blob of its own.
func (s *splitter) aside(t dataset.Token, size int64, read func() error) error {
	if n := len(s.bulk) - maxBuffered; n >= 0 {
		p := &s.bulk[n]
		if err := errors.Join(p.place(), p.release()); err != nil {
			return err
		}
	}
	w, err := s.blobs.Create(s.ctx, BlobHint{Size: size, Lookup: s.lookup})
	if err != nil {
		return err
	}
	s.bulk = append(s.bulk, bulkPart{Bulk: Bulk{Tag: t.Tag, Offset: t.ValueOffset, Length: -1}, w: w})
	s.r.SetTee(w)
	if err := read(); err != nil {
		return err
	}
	s.r.SetTee(s.head)
	return s.endBulk()
}

// endBulk ends the value put aside last; a small one goes back into the head.
func (s *splitter) endBulk() error {
	p := &s.bulk[len(s.bulk)-1]
	if err := p.finish(); err != nil || p.Length > SplitThreshold {
		return err
	}
	b, ok := p.w.Bytes()
	if !ok {
		return halong.E("storage.Store", halong.Internal, "", errors.New("a small value is no longer in memory"))
	}
	if _, err := s.head.Write(b); err != nil {
		return err
	}
	err := p.release()
	s.bulk = s.bulk[:len(s.bulk)-1]
	return err
}

// frames gives the frame table with the place of the pixel data in front (see
// Object.FrameTable); nil when there are no frames or they cannot be told apart.
func (s *splitter) frames() []byte {
	if s.pixels < 0 {
		return nil
	}
	t, err := s.attrs.frames.Table()
	if err != nil || t.Len() == 0 {
		return nil // such an object is stored and given back whole; its frames are not addressable
	}
	return t.Append(binary.AppendUvarint(nil, uint64(s.pixels)))
}

// close frees everything that was not stored.
func (s *splitter) close() error {
	var errs []error
	if s.head != nil {
		errs = append(errs, s.head.Close())
	}
	for i := range s.bulk {
		errs = append(errs, s.bulk[i].release())
	}
	return errors.Join(errs...)
}

// limitedBuffer keeps up to max bytes and notes when there were more.
type limitedBuffer struct {
	bytes.Buffer
	max int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.max {
		return 0, halong.E("storage.Store", halong.Invalid, "", errors.New("too many bytes after the end of the data set"))
	}
	return b.Buffer.Write(p)
}
