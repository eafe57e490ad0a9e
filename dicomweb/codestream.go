package dicomweb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

var (
	errMediaType  = errors.New("bulk data of a media type that is not taken as Pixel Data")
	errCodestream = errors.New("the bulk data are no image of their media type")
	errFrameSize  = errors.New("a frame of more than 4 GiB")
)

// image is what a compressed image says of itself in its first markers.
type image struct {
	rows, columns, samples, bits int
	syntax                       dicom.UID // that it fits, by its own account
}

// describePixels finds out the Transfer Syntax of pixels: as the part's transfer-syntax parameter says, else as
// the image does. What the image says of its size must be what the metadata say, and fills them where they are silent (PS3.18
// 10.5.1.2.2: the Image Pixel attributes may be left to the compressed image).
func (mi *modelIntake) describePixels(s *dataset.Set, parts []bulkPart) (dicom.UID, error) {
	first := parts[0]
	ts := dicom.UID(first.media.Get("transfer-syntax"))
	if first.media.Type == mediaOctets && (ts == "" || native(ts)) {
		if len(parts) > 1 {
			return "", errManyParts
		}
		return explicitLE, nil
	}
	for _, p := range parts {
		if p.size >= math.MaxUint32-1 {
			return "", errFrameSize
		}
	}
	var im image
	var err error
	switch media := first.media.Type; media {
	case "image/jpeg", "image/jls", "image/x-jls":
		im, err = readJPEG(mi.content(first))
	case "image/jp2", "image/jpx", "image/jphc", "image/j2c":
		im, err = readJPEG2000(mi.content(first), media == "image/jphc")
	case "image/dicom-rle", "image/x-dicom-rle":
		im.syntax = "1.2.840.10008.1.2.5"
	case "video/mpeg", "video/mpeg2":
		im.syntax = "1.2.840.10008.1.2.4.100"
	case "video/mp4":
		im.syntax = "1.2.840.10008.1.2.4.102"
	case "video/h265":
		im.syntax = "1.2.840.10008.1.2.4.107"
	case mediaOctets: // with a compressed transfer syntax
	default:
		return "", errMediaType
	}
	if err != nil {
		return "", err
	}
	if ts == "" {
		ts = im.syntax
	}
	if t, ok := dicom.LookupTransferSyntax(ts); !ok || !t.Encapsulated {
		return "", errMediaType
	}
	return ts, im.compare(s)
}

// compare looks whether metadata and image agree.
func (im image) compare(s *dataset.Set) error {
	if im.rows == 0 {
		return nil
	}
	for _, a := range []struct {
		tag dicom.Tag
		n   int
	}{{tag.Rows, im.rows}, {tag.Columns, im.columns}, {tag.SamplesPerPixel, im.samples}} {
		n, ok := s.Int(a.tag)
		if ok && n != int64(a.n) {
			return fmt.Errorf("%v is not that of the image: %w", a.tag, storage.ErrDisagree)
		}
		s.PutInt(a.tag, dicom.US, int64(a.n))
	}
	im.fill(s)
	return nil
}

// fill puts in what else the image tells and the metadata leave out.
func (im image) fill(s *dataset.Set) {
	allocated := 8
	if im.bits > 8 {
		allocated = 16
	}
	for _, a := range []struct {
		tag dicom.Tag
		n   int
	}{{tag.BitsAllocated, allocated}, {tag.BitsStored, im.bits}, {tag.HighBit, im.bits - 1}, {tag.PixelRepresentation, 0}} {
		if s.Get(a.tag) == nil {
			s.PutInt(a.tag, dicom.US, int64(a.n))
		}
	}
	if s.Get(tag.PhotometricInterpretation) == nil {
		p := "MONOCHROME2"
		if im.samples == 3 {
			p = "RGB"
			if im.syntax == "1.2.840.10008.1.2.4.50" {
				p = "YBR_FULL_422"
			}
		}
		s.PutString(tag.PhotometricInterpretation, dicom.CS, p)
	}
	if im.samples > 1 && s.Get(tag.PlanarConfiguration) == nil {
		s.PutInt(tag.PlanarConfiguration, dicom.US, 0)
	}
}

// readJPEG reads the markers of JPEG (ISO 10918-1 B.2) and JPEG-LS (ISO 14495-1 C.2) up to the first scan.
func readJPEG(r io.Reader) (im image, err error) {
	var b [10]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil || b[0] != 0xFF || b[1] != 0xD8 {
		return im, errCodestream
	}
	process := byte(0)
	for segments := 0; segments < 1000; segments++ {
		if _, err := io.ReadFull(r, b[:4]); err != nil || b[0] != 0xFF {
			return im, errCodestream
		}
		marker, n := b[1], int64(binary.BigEndian.Uint16(b[2:]))-2
		if n < 0 {
			return im, errCodestream
		}
		switch {
		case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC, marker == 0xF7:
			if n < 6 {
				return im, errCodestream
			}
			if _, err := io.ReadFull(r, b[:6]); err != nil {
				return im, errCodestream
			}
			process, n = marker, n-6
			im.bits, im.rows, im.columns, im.samples = int(b[0]), int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:])), int(b[5])
		case marker == 0xDA:
			return im, im.jpegSyntax(r, process, n)
		}
		if _, err := io.CopyN(io.Discard, r, n); err != nil {
			return im, errCodestream
		}
	}
	return im, errCodestream
}

// jpegSyntax tells the Transfer Syntax by process and the parameters of the scan.
func (im *image) jpegSyntax(r io.Reader, process byte, n int64) error {
	if n < 4 || n > 64 || im.rows == 0 {
		return errCodestream
	}
	scan := make([]byte, n)
	if _, err := io.ReadFull(r, scan); err != nil {
		return errCodestream
	}
	parameter := scan[n-3] // selection value, or NEAR
	const jpeg = "1.2.840.10008.1.2.4."
	switch {
	case process == 0xC0:
		im.syntax = jpeg + "50"
	case process == 0xC1:
		im.syntax = jpeg + "51"
	case process == 0xC3 && parameter == 1:
		im.syntax = jpeg + "70"
	case process == 0xC3:
		im.syntax = jpeg + "57"
	case process == 0xF7 && parameter == 0:
		im.syntax = jpeg + "80"
	case process == 0xF7:
		im.syntax = jpeg + "81"
	default: // progressive and others have no transfer syntax in use
		return errMediaType
	}
	return nil
}

// readJPEG2000 reads the main header of a codestream (ISO 15444-1 A.5, A.6). Files with boxes around it are not taken: DICOM has
// the codestream alone (PS3.5 A.4.4).
func readJPEG2000(r io.Reader, highThroughput bool) (im image, err error) {
	b := make([]byte, 64<<10)
	n, err := io.ReadFull(r, b)
	if err != nil && err != io.ErrUnexpectedEOF {
		return im, errCodestream
	}
	b = b[:n]
	be := binary.BigEndian
	if n < 43 || be.Uint32(b) != 0xFF4FFF51 {
		return im, errCodestream
	}
	siz := b[6:] // after the length
	im.columns, im.rows = int(be.Uint32(siz[2:])-be.Uint32(siz[10:])), int(be.Uint32(siz[6:])-be.Uint32(siz[14:]))
	im.samples, im.bits = int(be.Uint16(siz[34:])), int(siz[36]&0x7F)+1
	if im.rows <= 0 || im.rows > math.MaxUint16 || im.columns <= 0 || im.columns > math.MaxUint16 {
		return im, errCodestream
	}
	for at := 2; at+4 <= len(b) && b[at] == 0xFF && b[at+1] != 0x90; at += 2 + int(be.Uint16(b[at+2:])) {
		if b[at+1] != 0x52 || at+14 > len(b) { // COD
			continue
		}
		reversible := b[at+13] == 1
		switch {
		case highThroughput && reversible:
			im.syntax = "1.2.840.10008.1.2.4.201"
		case highThroughput:
			im.syntax = "1.2.840.10008.1.2.4.203"
		case reversible:
			im.syntax = "1.2.840.10008.1.2.4.90"
		default:
			im.syntax = "1.2.840.10008.1.2.4.91"
		}
		return im, nil
	}
	return im, errCodestream
}
