package dicomweb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

const octets = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1|"

func TestFrames(t *testing.T) {
	be, deflated := dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian
	words := []byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0} // two frames of 2x2, 16 bits
	oddBytes := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 0}                // three frames of 3x1, 8 bits, padded
	// Two frames of 3x3 bits: 101110111 then 010001001, first pixel in the lowest bit.
	bits := packBits("101110111" + "010001001")
	image := []byte{0xFF, 0xD8, 1, 2, 3, 0xFF, 0xD9, 0} // padded to even length
	for _, tc := range []struct {
		name, frames, accept string
		file                 []byte
		status               int
		want                 []string
	}{
		{name: "native", frames: "1", file: file("1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), want: []string{octets + string(words[:8])}},
		{name: "native, both", frames: "1,2", file: file("1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), want: []string{octets + string(words[:8]), octets + string(words[8:])}},
		{name: "in the order asked, encoded comma", frames: "2%2C1", file: file("1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), want: []string{octets + string(words[8:]), octets + string(words[:8])}},
		{name: "implicit", frames: "2", file: fileIn(implicitLE, "1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), want: []string{octets + string(words[8:])}},
		{name: "P11 big endian", frames: "2", file: fileIn(be, "1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), want: []string{octets + string(words[8:])}},
		{name: "P11 big endian, 8 bits in OW, odd frames", frames: "1,2,3", file: fileIn(be, "1.2.3.5", pixels(3, 1, 8, 3, dicom.OW, oddBytes)), want: []string{octets + "\x01\x02\x03", octets + "\x04\x05\x06", octets + "\x07\x08\x09"}},
		{name: "big endian, OB", frames: "2", file: fileIn(be, "1.2.3.5", pixels(3, 1, 8, 3, dicom.OB, oddBytes)), want: []string{octets + "\x04\x05\x06"}},
		{name: "P10 deflated", frames: "2", file: fileIn(deflated, "1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), want: []string{octets + string(words[8:])}},
		{name: "1 bit", frames: "1,2", file: file("1.2.3.5", pixels(3, 3, 1, 2, dicom.OB, bits)), want: []string{octets + string(packBits("101110111")), octets + string(packBits("010001001"))}},
		{name: "1 bit, big endian", frames: "2", file: fileIn(be, "1.2.3.5", pixels(3, 3, 1, 2, dicom.OW, append(slices.Clone(bits), 0))), want: []string{octets + string(packBits("010001001"))}},
		{
			name: "W20 compressed, no item headers, no padding", frames: "1,2", accept: `multipart/related; type=application/octet-stream; transfer-syntax=*`,
			file: fileIn(jls, "1.2.3.5", fragments(2, nil, image, image)),
			want: []string{"image/jls; transfer-syntax=1.2.840.10008.1.2.4.80|" + string(image[:7]), "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80|" + string(image[:7])},
		},
		{
			name: "W20 one frame in several fragments", frames: "1", accept: `multipart/related; type="image/jls"`,
			file: fileIn(jls, "1.2.3.5", fragments(1, nil, []byte{0xFF, 0xD8, 1, 2}, []byte{3, 4, 0xFF, 0xD9})),
			want: []string{"image/jls; transfer-syntax=1.2.840.10008.1.2.4.80|\xFF\xD8\x01\x02\x03\x04\xFF\xD9"},
		},
		{
			name: "compressed cannot be decoded yet", frames: "1", accept: `multipart/related; type=application/octet-stream`,
			file: fileIn(jls, "1.2.3.5", fragments(1, nil, image)), status: 406,
		},
		{name: "no such frame", frames: "3", file: file("1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), status: 404},
		{name: "no pixels", frames: "1", file: file("1.2.3.5"), status: 404},
		{name: "frame 0", frames: "0", file: file("1.2.3.5"), status: 400},
		{name: "no number", frames: "1,x", file: file("1.2.3.5"), status: 400},
		{name: "twice the same", frames: "1,1", file: file("1.2.3.5"), status: 400},
		{name: "unknown media type", frames: "1", accept: "image/png", file: file("1.2.3.5", pixels(2, 2, 16, 2, dicom.OW, words)), status: 406},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			s.put(tc.file)
			var headers []string
			if tc.accept != "" {
				headers = append(headers, "Accept: "+tc.accept)
			}
			w := s.get(instance1+"/frames/"+tc.frames, headers...)
			if tc.status != 0 {
				s.want(w, tc.status)
				return
			}
			s.want(w, 200)
			if diff := cmp.Diff(tc.want, parts(t, w)); diff != "" {
				t.Error(diff)
			}
			if head, _, _ := strings.Cut(w.Body.String(), "\r\n\r\n"); len(head) > 500 { // dicomweb-client looks at 1000 bytes
				t.Errorf("first part's header has %d bytes", len(head))
			}
			if s.m.opened != s.m.closed {
				t.Errorf("%d opened, %d closed", s.m.opened, s.m.closed)
			}
		})
	}
}

// packBits makes bytes of pixels written as 0 and 1, the first in the lowest bit.
func packBits(pixels string) []byte {
	b := make([]byte, (len(pixels)+7)/8)
	for i, p := range pixels {
		b[i/8] |= byte(p-'0') << (i % 8)
	}
	return b
}

func TestFrameSinglePart(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5", pixels(2, 2, 8, 2, dicom.OB, []byte{1, 2, 3, 4, 5, 6, 7, 8})))
	w := s.get(instance1+"/frames/2", "Accept: application/octet-stream")
	if b := s.want(w, 200); b != "\x05\x06\x07\x08" || w.Header().Get("Content-Length") != "4" || w.Header().Get("Content-Type") != strings.TrimSuffix(octets, "|") {
		t.Errorf("%q %v", b, w.Header())
	}
	s.want(s.get(instance1+"/frames/1,2", "Accept: application/octet-stream"), 406)
}

func TestBitShifter(t *testing.T) {
	for shift := range 8 {
		for n := 1; n < 40; n++ {
			pattern := strings.Repeat("1101000101", 5)[:n]
			src := packBits(strings.Repeat("1", shift) + pattern + "11111")
			src = src[:(shift+n+7)/8]
			r, size := aligned(iotest.OneByteReader(bytes.NewReader(src)), int64(len(src)), dataset.Frame{BitOffset: shift, Bits: int64(n)})
			got, err := io.ReadAll(r)
			if want := packBits(pattern); err != nil || !bytes.Equal(got, want) || size != int64(len(want)) {
				t.Fatalf("%d bits at %d: %08b, want %08b, %v", n, shift, got, want, err)
			}
		}
	}
}

func TestSwapReader(t *testing.T) {
	var be, le []byte
	for i := range 70_001 * 2 {
		be = append(be, byte(i>>8), byte(i))
		le = append(le, byte(i), byte(i>>8))
	}
	for _, r := range [][2]int64{{0, 10}, {1, 10}, {65535, 3}, {3, 200_000}, {int64(len(le)) - 3, 3}, {0, int64(len(le))}} {
		got := make([]byte, r[1])
		n, err := (swapReader{bytes.NewReader(be), 2, int64(len(be))}).ReadAt(got, r[0])
		if int64(n) != r[1] || err != nil && err != io.EOF || !bytes.Equal(got, le[r[0]:r[0]+r[1]]) {
			t.Errorf("%v: %d %v", r, n, err)
		}
	}
	if n, err := (swapReader{bytes.NewReader(be[:3]), 2, 3}).ReadAt(make([]byte, 8), 0); n != 3 || err != io.EOF {
		t.Errorf("odd length: %d %v", n, err)
	}
}

func TestBulkData(t *testing.T) {
	pdf := []byte("%PDF-1.4 minimal\x00")
	document := func(mime string) func(*dataset.Set) {
		return func(s *dataset.Set) {
			s.Put(dataset.Element{Tag: tag.EncapsulatedDocument, VR: dicom.OB, Value: append(slices.Clone(pdf), 0)})
			s.PutString(tag.MIMETypeOfEncapsulatedDocument, dicom.LO, mime)
			s.PutInt(tag.EncapsulatedDocumentLength, dicom.UL, int64(len(pdf)))
		}
	}
	words := []byte{1, 0, 2, 0, 3, 0, 4, 0}
	image := []byte{0xFF, 0xD8, 1, 0xFF, 0xD9, 0}
	const ohifPDF = `multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"`
	for _, tc := range []struct {
		name, path, accept string
		file               []byte
		status             int
		single             string   // Content-Type
		want               []string // body, or parts
	}{
		{name: "document, anything", path: "00420011", file: file("1.2.3.5", document("application/pdf")), single: "application/octet-stream", want: []string{string(pdf)}},
		{name: "document, PDF", path: "00420011", accept: "application/pdf", file: file("1.2.3.5", document("application/pdf")), single: "application/pdf", want: []string{string(pdf)}},
		{name: "document, OHIF", path: "00420011", accept: ohifPDF, file: file("1.2.3.5", document("application/pdf")), want: []string{"application/pdf|" + string(pdf)}},
		{name: "document, octets in multipart", path: "00420011", accept: `multipart/related; type="application/octet-stream"`, file: file("1.2.3.5", document("application/pdf")), want: []string{"application/octet-stream|" + string(pdf)}},
		{name: "document that would run in a browser", path: "00420011", accept: "text/html", file: file("1.2.3.5", document("text/html")), status: 406},
		{name: "document of another type", path: "00420011", accept: "application/pdf", file: file("1.2.3.5", document("model/stl")), status: 406},
		{name: "pixels", path: "7FE00010", file: file("1.2.3.5", pixels(2, 2, 16, 1, dicom.OW, words)), single: "application/octet-stream", want: []string{string(words)}},
		{name: "big-endian pixels", path: "7fe00010", accept: "application/octet-stream; transfer-syntax=*", file: fileIn(dicom.ExplicitVRBigEndian, "1.2.3.5", pixels(2, 2, 16, 1, dicom.OW, words)), single: "application/octet-stream", want: []string{string(words)}},
		{name: "deflated pixels", path: "7FE00010", file: fileIn(dicom.DeflatedExplicitVRLittleEndian, "1.2.3.5", pixels(2, 2, 16, 1, dicom.OW, words)), single: "application/octet-stream", want: []string{string(words)}},
		{
			name: "compressed pixels as frames", path: "7FE00010", accept: `multipart/related; type="image/jls"`, file: fileIn(jls, "1.2.3.5", fragments(2, nil, image, image)),
			want: []string{"image/jls; transfer-syntax=1.2.840.10008.1.2.4.80|" + string(image[:5]), "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80|" + string(image[:5])},
		},
		{name: "no such element", path: "00420011", file: file("1.2.3.5"), status: 404},
		{name: "malformed path", path: "0042", file: file("1.2.3.5"), status: 400},
		{name: "path ends with an item", path: "54000100/1", file: file("1.2.3.5"), status: 400},
		{name: "item 0", path: "54000100/0/54001010", file: file("1.2.3.5"), status: 400},
		{name: "unknown item", path: "54000100/3/54001010", file: file("1.2.3.5", waveform), status: 404},
		{name: "in a sequence", path: "54000100/2/54001010", file: file("1.2.3.5", waveform), single: "application/octet-stream", want: []string{"\x03\x04"}},
		{name: "first item has none", path: "54000100/1/54001010", file: file("1.2.3.5", waveform), status: 404},
		{name: "a sequence is no value", path: "54000100", file: file("1.2.3.5", waveform), status: 404},
		{name: "unacceptable", path: "7FE00010", accept: "image/png", file: file("1.2.3.5", pixels(2, 2, 16, 1, dicom.OW, words)), status: 406},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t)
			s.put(tc.file)
			var headers []string
			if tc.accept != "" {
				headers = append(headers, "Accept: "+tc.accept)
			}
			w := s.get(instance1+"/bulkdata/"+tc.path, headers...)
			if tc.status == 0 {
				tc.status = 200
			}
			s.want(w, tc.status)
			if tc.single != "" {
				if diff := cmp.Diff(tc.want, []string{w.Body.String()}); diff != "" || w.Header().Get("Content-Type") != tc.single {
					t.Error(w.Header().Get("Content-Type"), diff)
				}
			} else if tc.want != nil {
				if diff := cmp.Diff(tc.want, parts(t, w)); diff != "" {
					t.Error(diff)
				}
			}
			if s.m.opened != s.m.closed {
				t.Errorf("%d opened, %d closed", s.m.opened, s.m.closed)
			}
		})
	}
}

func waveform(s *dataset.Set) {
	item := func(v ...byte) *dataset.Set {
		return &dataset.Set{Elements: []dataset.Element{{Tag: tag.WaveformData, VR: dicom.OB, Value: v}}}
	}
	nested := &dataset.Set{Elements: []dataset.Element{{Tag: tag.ChannelDefinitionSequence, VR: dicom.SQ, Items: []*dataset.Set{item(9, 9), item(9, 9)}}}}
	s.Put(dataset.Element{Tag: tag.WaveformSequence, VR: dicom.SQ, Items: []*dataset.Set{nested, item(3, 4)}})
}

func TestW21Ranges(t *testing.T) {
	value := make([]byte, 1000)
	for i := range value {
		value[i] = byte(i)
	}
	s := serve(t)
	s.put(file("1.2.3.5", pixels(10, 100, 8, 1, dicom.OB, value)))
	path := instance1 + "/bulkdata/7FE00010"
	etag := s.get(path).Header().Get("ETag")
	for _, tc := range []struct {
		name    string
		headers []string
		status  int
		content string // Content-Range
		want    []byte
	}{
		{"first bytes", []string{"Range: bytes=0-9"}, 206, "bytes 0-9/1000", value[:10]},
		{"open", []string{"Range: bytes=990-"}, 206, "bytes 990-999/1000", value[990:]},
		{"suffix", []string{"Range: bytes=-5"}, 206, "bytes 995-999/1000", value[995:]},
		{"beyond the end", []string{"Range: bytes=1000-"}, 416, "bytes */1000", nil},
		{"empty suffix", []string{"Range: bytes=-0"}, 416, "bytes */1000", nil},
		{"cut at the end", []string{"Range: bytes=995-2000"}, 206, "bytes 995-999/1000", value[995:]},
		{"cut far beyond it", []string{"Range: bytes=995-99999999999999999999"}, 206, "bytes 995-999/1000", value[995:]},
		{"beyond all numbers", []string{"Range: bytes=99999999999999999999-"}, 416, "bytes */1000", nil},
		{"If-Match other", []string{`If-Match: "other"`}, 412, "", nil},
		{"If-Range same", []string{"Range: bytes=0-9", "If-Range: " + etag}, 206, "bytes 0-9/1000", value[:10]},
		{"If-Range other", []string{"Range: bytes=0-9", `If-Range: "other"`}, 200, "", value},
		{"not bytes", []string{"Range: lines=0-9"}, 200, "", value},
		{"none", nil, 200, "", value},
	} {
		w := s.get(path, append(tc.headers, "Accept: application/octet-stream")...)
		if w.Code != tc.status || tc.want != nil && !bytes.Equal(w.Body.Bytes(), tc.want) || w.Header().Get("Content-Range") != tc.content {
			t.Errorf("%s: %d %q, %d bytes", tc.name, w.Code, w.Header().Get("Content-Range"), w.Body.Len())
		}
		if tc.status < 300 && (w.Header().Get("Accept-Ranges") != "bytes" || w.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len())) {
			t.Errorf("%s: headers %v", tc.name, w.Header())
		}
		if kind := w.Header().Get("Content-Type"); tc.status >= 400 && (kind != "application/problem+json" || !json.Valid(w.Body.Bytes())) {
			t.Errorf("%s: refused in %s: %s", tc.name, kind, w.Body)
		}
	}
	w := s.get(path, "Range: bytes=0-1,10-11", "Accept: application/octet-stream")
	if w.Code != 206 || !strings.HasPrefix(w.Header().Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("two ranges: %d %v", w.Code, w.Header())
	}
}
