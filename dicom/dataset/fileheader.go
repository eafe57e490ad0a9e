package dataset

import (
	"fmt"
	"io"
	"slices"

	"github.com/halong-gateway/halong/dicom"
)

// FileHeader is what comes before the data set in a file (PS3.10 7.1).
type FileHeader struct {
	Raw            []byte // every byte before the data set
	Preamble       bool   // whether there are the preamble and its prefix "DICM"
	MetaPresent    bool   // whether there is File Meta Information
	TransferSyntax dicom.UID
	SOPClass       dicom.UID // Media Storage SOP Class UID; empty if unknown
	SOPInstance    dicom.UID // Media Storage SOP Instance UID; empty if unknown
	Meta           *Set      // nil when there is none
}

// Elements of the File Meta Information (PS3.10 table 7.1-1).
const (
	tagMetaVersion        dicom.Tag = 0x00020001
	tagMetaSOPClass       dicom.Tag = 0x00020002
	tagMetaSOPInstance    dicom.Tag = 0x00020003
	tagMetaTransferSyntax dicom.Tag = 0x00020010
	tagMetaImplClass      dicom.Tag = 0x00020012
	tagMetaImplVersion    dicom.Tag = 0x00020013
	tagMetaSourceAE       dicom.Tag = 0x00020016
)

const (
	preambleSize = 128
	maxMeta      = 4 << 20 // bytes of preamble and File Meta Information
)

// ReadFileHeader reads the header of a file. Preamble, File Meta Information or
// its group length may be absent or wrong; a missing Transfer Syntax UID is
// guessed from the data set. The reader given back continues with the data set.
// Header and reader are given also with an error, which is a *SyntaxError unless
// the source failed: Raw and what the reader gives are always the whole file.
func ReadFileHeader(r io.Reader, lim Limits) (*FileHeader, io.Reader, error) {
	s := &headSource{r: r, limit: min(lim.withDefaults().Value, maxMeta)}
	h := &FileHeader{}
	err := h.read(s)
	h.Raw = s.buf[:s.pos:s.pos]
	rest := &rest{buf: s.buf[s.pos:], r: r, err: s.err}
	if err != nil && s.err != nil && s.err != io.EOF {
		err = s.err
	}
	return h, rest, err
}

func (h *FileHeader) read(s *headSource) error {
	switch b := s.peek(preambleSize + 4); {
	case len(b) >= preambleSize+4 && string(b[preambleSize:preambleSize+4]) == "DICM":
		h.Preamble = true
		s.pos = preambleSize + 4
	case len(b) >= 4 && string(b[:4]) == "DICM":
		s.pos = 4
	}
	enc, known := recognise(s.peek(16), encoding{explicit: true})
	if known && enc.tag(s.peek(4)).Group() == 2 {
		if err := h.readMeta(s, enc); err != nil {
			return err
		}
	}
	if h.TransferSyntax != "" {
		return nil
	}
	if s.pos == 0 {
		s.skipStray()
	}
	enc, known = recognise(s.peek(16), encoding{})
	h.TransferSyntax = enc.syntax().UID
	if !known {
		return &SyntaxError{Offset: int64(s.pos), Reason: "no Transfer Syntax UID, and the bytes are not the beginning of a data set"}
	}
	return nil
}

// skipStray passes over the last bytes of a header that was cut off in front
// (PS3.10 7.1): fewer than 16 that make no sense, before the first element of group 0008.
func (s *headSource) skipStray() {
	explicit := encoding{explicit: true}
	for n := range 16 {
		b := s.peek(n + 16)
		if len(b) < n+16 {
			return
		}
		if b = b[n:]; explicit.sense(b) == 2 && explicit.tag(b).Group() == 8 {
			s.pos = n
			return
		}
		if _, known := recognise(b, explicit); known {
			return
		}
	}
}

// readMeta reads elements as long as they are of group 0002.
func (h *FileHeader) readMeta(s *headSource, enc encoding) error {
	h.MetaPresent, h.Meta = true, &Set{}
	end := -1 // as the group length says
	for !h.metaEnds(s, end) {
		b := s.peek(8)
		if len(b) < 8 || enc.tag(b).Group() != 2 {
			break
		}
		e, err := s.element(enc)
		if err != nil {
			return err
		}
		if e.Tag.Element() == 0 && len(e.Value) == 4 {
			end = s.pos + int(encoding{}.uint32(e.Value))
		}
		h.Meta.Elements = append(h.Meta.Elements, e)
		if e.Tag == tagMetaTransferSyntax {
			h.TransferSyntax = dicom.UID(e.text(nil)[0])
		}
	}
	h.Meta.sort()
	h.SOPClass, h.SOPInstance = h.Meta.UID(tagMetaSOPClass), h.Meta.UID(tagMetaSOPInstance)
	return nil
}

// metaEnds tells whether the group length must be trusted: what follows is
// deflated, so that it cannot be told from elements.
func (h *FileHeader) metaEnds(s *headSource, end int) bool {
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	return ok && ts.Deflated && s.pos == end
}

// headSource collects the bytes of the header.
type headSource struct {
	r     io.Reader
	buf   []byte
	pos   int
	limit int64
	err   error
}

// peek gives up to n bytes from pos on.
func (s *headSource) peek(n int) []byte {
	for idle := 0; len(s.buf)-s.pos < n && s.err == nil && idle < 100; idle++ {
		s.buf = slices.Grow(s.buf, min(max(n-(len(s.buf)-s.pos), 1<<10), 64<<10))
		m, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf, s.err = s.buf[:len(s.buf)+m], err
		if m > 0 {
			idle = 0
		}
	}
	return s.buf[s.pos:min(len(s.buf), s.pos+n)]
}

func (s *headSource) fail(t dicom.Tag, reason string, err error) error {
	return &SyntaxError{Offset: int64(s.pos), Tag: t, Reason: reason, Err: err}
}

// element reads an element of the File Meta Information.
func (s *headSource) element(enc encoding) (Element, error) {
	b := s.peek(12)
	e := Element{Tag: enc.tag(b)}
	size, length := 8, uint32(0)
	switch {
	case !enc.explicit:
		e.VR, length = dicom.VROf(e.Tag), enc.uint32(b[4:])
	default:
		e.VR = dicom.VR(b[4])<<8 | dicom.VR(b[5])
		length = uint32(enc.uint16(b[6:]))
		if e.VR.LongLength() && len(b) == 12 {
			size, length = 12, enc.uint32(b[8:])
		}
	}
	if int64(s.pos)+int64(length) > s.limit || length == UndefinedLength {
		return e, s.fail(e.Tag, fmt.Sprintf("File Meta Information of more than %d bytes", s.limit), ErrLimit)
	}
	if n := size + int(length); len(s.peek(n)) < n {
		return e, s.fail(e.Tag, "File Meta Information is cut off", io.ErrUnexpectedEOF)
	}
	e.Value = slices.Clone(s.buf[s.pos+size : s.pos+size+int(length)])
	if enc.big {
		swapWords(e.Value, e.VR)
	}
	s.pos += size + int(length)
	return e, nil
}

// rest reads what was already taken from r, then r.
type rest struct {
	buf []byte
	r   io.Reader
	err error // r's, met while the header was read
}

func (j *rest) Read(p []byte) (int, error) {
	if len(j.buf) > 0 {
		n := copy(p, j.buf)
		j.buf = j.buf[n:]
		return n, nil
	}
	if j.err != nil {
		return 0, j.err
	}
	return j.r.Read(p)
}

// AppendFileHeader appends an empty preamble and File Meta Information for an
// object whose data set is encoded in ts. The source AE title may be empty.
func AppendFileHeader(dst []byte, class, instance, ts dicom.UID, sourceAE string) []byte {
	var s Set
	s.Put(Element{Tag: tagMetaVersion, VR: dicom.OB, Value: []byte{0, 1}})
	s.PutString(tagMetaSOPClass, dicom.UI, string(class))
	s.PutString(tagMetaSOPInstance, dicom.UI, string(instance))
	s.PutString(tagMetaTransferSyntax, dicom.UI, string(ts))
	s.PutString(tagMetaImplClass, dicom.UI, string(dicom.ImplementationClassUID))
	s.PutString(tagMetaImplVersion, dicom.SH, dicom.ImplementationVersionName)
	if sourceAE != "" {
		s.PutString(tagMetaSourceAE, dicom.AE, sourceAE)
	}
	body := encoding{explicit: true}.appendSet(nil, &s)
	var length Set
	length.PutInt(0x00020000, dicom.UL, int64(len(body)))
	dst = append(dst, make([]byte, preambleSize)...)
	dst = append(dst, "DICM"...)
	return append(encoding{explicit: true}.appendSet(dst, &length), body...)
}
