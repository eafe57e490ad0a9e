package dicomweb

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

// maxInline bounds the bulk data of one instance, other than its pixels, that are held in memory.
const maxInline = 64 << 20

var (
	errNoBulkPart  = errors.New("a BulkDataURI of the metadata has no part with that Content-Location")
	errManyParts   = errors.New("several parts for a value that is not made of frames")
	errNoUIDs      = errors.New("metadata lack SOP Class or SOP Instance UID")
	errTooMuchBulk = errors.New("too much bulk data outside of Pixel Data")
)

func named(s *dataset.Set) (class, sop dicom.UID) {
	return s.UID(tag.SOPClassUID), s.UID(tag.SOPInstanceUID)
}

// build puts an instance together: a PS3.10 file whose pixels are read from the spool.
func (mi *modelIntake) build(o dicomjson.Object) (io.Reader, error) {
	const op = "dicomweb.store"
	class, sop := named(o.Set)
	if class == "" || sop == "" {
		return nil, halong.E(op, halong.Invalid, string(sop), errNoUIDs)
	}
	ts := explicitLE
	var pixels []bulkPart
	var inline int64
	for _, ref := range o.Bulk {
		parts := mi.bulk[locationKey(ref.URI)]
		if len(parts) == 0 || ref.URI == "" { // parts without Content-Location are nobody's
			return nil, halong.E(op, halong.Invalid, string(sop), errNoBulkPart)
		}
		if len(ref.Path) == 0 && ref.Tag == tag.PixelData {
			pixels = parts
			continue
		}
		if len(parts) > 1 {
			return nil, halong.E(op, halong.Invalid, string(sop), errManyParts)
		}
		if inline += parts[0].size; inline > maxInline {
			return nil, halong.E(op, halong.Exhausted, string(sop), errTooMuchBulk)
		}
		if err := mi.inline(o.Set, ref, parts[0]); err != nil {
			return nil, halong.E(op, halong.Invalid, string(sop), err)
		}
	}
	if pixels != nil {
		var err error
		if ts, err = mi.describePixels(o.Set, pixels); err != nil {
			return nil, halong.E(op, kindOfPixels(err), string(sop), err)
		}
	}
	return mi.file(o.Set, class, sop, ts, pixels)
}

// inMemory tells how many bytes of bulk data other than pixels an instance needs in memory, as far as they are there.
func (mi *modelIntake) inMemory(o dicomjson.Object) (n int64) {
	for _, ref := range o.Bulk {
		if parts := mi.bulk[locationKey(ref.URI)]; len(parts) == 1 && (len(ref.Path) > 0 || ref.Tag != tag.PixelData) {
			n += parts[0].size
		}
	}
	return n
}

// inline puts bulk data into the data set.
func (mi *modelIntake) inline(s *dataset.Set, ref dicomjson.BulkReference, part bulkPart) error {
	b := make([]byte, part.size)
	if _, err := io.ReadFull(mi.content(part), b); err != nil {
		return err
	}
	for _, step := range ref.Path {
		e := s.Get(step.Tag)
		if e == nil || step.Item >= len(e.Items) {
			return errNoBulkPart // cannot be: the path was made from the same data set
		}
		s = e.Items[step.Item]
	}
	e := s.Get(ref.Tag)
	if e == nil {
		return errNoBulkPart
	}
	if e.Value = b; ref.Tag == tag.EncapsulatedDocument && s.Get(tag.EncapsulatedDocumentLength) == nil {
		s.PutInt(tag.EncapsulatedDocumentLength, dicom.UL, part.size) // PS3.3 C.24.2: without the padding
	}
	return nil
}

// file gives preamble, File Meta Information and the data set.
func (mi *modelIntake) file(s *dataset.Set, class, sop, ts dicom.UID, pixels []bulkPart) (io.Reader, error) {
	syntax, ok := dicom.LookupTransferSyntax(ts)
	if !ok {
		return nil, halong.E("dicomweb.store", halong.Unsupported, string(sop), nil)
	}
	vr := dicom.OW
	if e := s.Get(tag.PixelData); e != nil && e.VR == dicom.OB {
		vr = dicom.OB
	}
	before, after := s.Elements, s.Elements[len(s.Elements):]
	if pixels != nil { // Pixel Data itself is what the parts are
		at, found := slices.BinarySearchFunc(s.Elements, tag.PixelData, func(e dataset.Element, t dicom.Tag) int { return cmp.Compare(e.Tag, t) })
		if before, after = s.Elements[:at], s.Elements[at:]; found {
			after = after[1:]
		}
	}
	head := (&dataset.Set{Elements: before}).Append(dataset.AppendFileHeader(nil, class, sop, ts, ""), syntax)
	all := []io.Reader{bytes.NewReader(head)}
	switch {
	case pixels == nil:
	case syntax.Encapsulated:
		all = append(all, mi.fragments(pixels)...)
	default:
		size := pixels[0].size
		if size >= math.MaxUint32 {
			return nil, halong.E("dicomweb.store", halong.Unsupported, string(sop), errTooMuchBulk)
		}
		all = append(all, bytes.NewReader(pixelHeader(vr, uint32(size+size%2))), mi.content(pixels[0]), padding(size))
	}
	return io.MultiReader(append(all, bytes.NewReader((&dataset.Set{Elements: after}).Append(nil, syntax)))...), nil
}

// pixelHeader is the header of Pixel Data in Explicit VR Little Endian.
func pixelHeader(vr dicom.VR, length uint32) []byte {
	b := []byte{0xE0, 0x7F, 0x10, 0x00, byte(vr >> 8), byte(vr), 0, 0}
	return binary.LittleEndian.AppendUint32(b, length)
}

// fragments gives Pixel Data of one fragment a frame with an empty Basic Offset Table (PS3.5 A.4).
func (mi *modelIntake) fragments(frames []bulkPart) []io.Reader {
	item := []byte{0xFE, 0xFF, 0x00, 0xE0}
	head := append(pixelHeader(dicom.OB, dataset.UndefinedLength), item...)
	out := []io.Reader{bytes.NewReader(append(head, 0, 0, 0, 0))}
	for _, f := range frames {
		h := binary.LittleEndian.AppendUint32(bytes.Clone(item), uint32(f.size+f.size%2))
		out = append(out, bytes.NewReader(h), mi.content(f), padding(f.size))
	}
	return append(out, bytes.NewReader([]byte{0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0}))
}

func padding(size int64) io.Reader { return bytes.NewReader(make([]byte, size%2)) }

// kindOfPixels: what is no image of its media type is invalid, what contradicts the metadata does not match them.
func kindOfPixels(err error) halong.Kind {
	if errors.Is(err, errMediaType) {
		return halong.Unsupported
	}
	return halong.Invalid
}
