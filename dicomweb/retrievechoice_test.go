package dicomweb

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/storage"
)

// W18: of a study, what has an acceptable representation is answered with 206 and a Warning that counts the rest; nothing acceptable is
// 406; and the answer is another one than that of the whole.
func TestW18Partial(t *testing.T) {
	s := serve(t)
	compressed := fragments(1, nil, []byte{0xFF, 0xD8, 0xFF, 0xD9})
	for i := range keepWhole + 4 {
		if i%2 == 0 {
			s.put(file(fmt.Sprintf("1.2.3.5.%d", i)))
		} else {
			s.put(fileIn(jls, fmt.Sprintf("1.2.3.5.%d", i), compressed))
		}
	}
	const some, all = (keepWhole + 4) / 2, keepWhole + 4
	tags := map[string]string{}
	for _, c := range []struct {
		accept  string
		status  int
		parts   int
		warning string
	}{
		{`multipart/related; type="application/dicom"`, 206, some, fmt.Sprintf(`299 halong "%d of the instances`, some)},
		{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80`, 206, some, fmt.Sprintf(`299 halong "%d of the instances`, some)},
		{`multipart/related; type="application/dicom"; transfer-syntax=*`, 200, all, ""},
		{`application/zip; transfer-syntax=1.2.840.10008.1.2.1`, 206, some, fmt.Sprintf(`299 halong "%d of the instances`, some)},
		{`application/zip`, 200, all, ""},
		{`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.90`, 406, 0, ""},
		{`application/zip; transfer-syntax=1.2.840.10008.1.2.4.90`, 406, 0, ""},
		{`application/dicom; transfer-syntax=*`, 406, 0, ""},
	} {
		w := s.get(study1, "Accept: "+c.accept)
		if s.want(w, c.status); c.status == 406 {
			continue
		}
		if got := w.Header().Get("Warning"); !strings.HasPrefix(got, c.warning) || c.warning == "" && got != "" {
			t.Errorf("%s: Warning %q", c.accept, got)
		}
		n := 0
		if strings.HasPrefix(c.accept, "application/zip") {
			z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
			if err != nil {
				t.Fatal(err)
			}
			n = len(z.File)
		} else {
			n = len(parts(t, w))
		}
		if n != c.parts {
			t.Errorf("%s: %d parts, want %d", c.accept, n, c.parts)
		}
		tag := w.Header().Get("ETag")
		if other := tags[tag]; other != "" {
			t.Errorf("%s and %s have the same tag", c.accept, other)
		}
		tags[tag] = c.accept
		if w := s.do(http.MethodHead, study1, nil, "Accept: "+c.accept); w.Code != c.status || w.Body.Len() > 0 || w.Header().Get("ETag") != tag {
			t.Errorf("%s: HEAD is %d", c.accept, w.Code)
		}
		s.want(s.get(study1, "Accept: "+c.accept, "If-None-Match: "+tag), 304)
		s.want(s.get(study1, "Accept: "+c.accept, "If-Match: "+tag), c.status)
		s.want(s.get(study1, "Accept: "+c.accept, `If-Match: "other"`), 412)
		s.want(s.get(study1, "Accept: "+c.accept, "If-Match: W/"+tag), 412)
	}
}

// W18: pixels that are compressed under a native transfer syntax cannot be encoded again, and that is known before the first byte.
func TestW18CompressedUnderNative(t *testing.T) {
	in := &storage.Instance{Manifest: storage.Manifest{TransferSyntax: implicitLE}}
	if got, want := shapeOf(in).offers(false), 2; len(got) != want {
		t.Errorf("%d representations of native pixels, want %d", len(got), want)
	}
	table := encapsulatedTable(t)
	in.Frames = append(binary.AppendUvarint(nil, 900), table...)
	got := shapeOf(in)
	if diff := cmp.Diff([]offer{{multipart: true, mediaType: mediaDICOM, syntax: implicitLE}}, got.offers(false), cmp.AllowUnexported(offer{})); diff != "" || !got.fixed {
		t.Error(diff)
	}
}

// encapsulatedTable gives the frame table of one compressed frame.
func encapsulatedTable(t *testing.T) []byte {
	t.Helper()
	s := serve(t)
	s.put(fileIn(jls, "1.2.3.5", fragments(1, nil, []byte{0xFF, 0xD8, 0xFF, 0xD9})))
	return s.m.stored[0].Frames
}
