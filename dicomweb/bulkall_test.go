package dicomweb

import (
	"io"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// The Bulkdata and Pixel Data resources of a study, series and instance (CP-2040): every value that the metadata refer to, under the URI by which they do.
func TestAllBulkdata(t *testing.T) {
	s := serve(t, func(c *Config) { c.PublicURL = "http://pacs.test" })
	long := strings.Repeat("wave", 5000)
	image := []byte{0xFF, 0xD8, 1, 2, 3, 0xFF, 0xD9, 0}
	s.put(
		file("1.2.3.5", pixels(2, 2, 8, 1, dicom.OB, []byte{1, 2, 3, 4}), func(s *dataset.Set) {
			item := &dataset.Set{}
			item.Put(dataset.Element{Tag: tag.WaveformData, VR: dicom.OW, Value: []byte(long)})
			s.Put(dataset.Element{Tag: tag.WaveformSequence, VR: dicom.SQ, Items: []*dataset.Set{{}, item}})
		}),
		fileIn(jls, "1.2.3.6", fragments(2, nil, image, image)),
		fileIn(dicom.ExplicitVRBigEndian, "1.2.3.7", pixels(1, 2, 16, 1, dicom.OW, []byte{1, 0, 2, 0})),
		file("1.2.3.8"),
		file("1.2.3.9", func(s *dataset.Set) {
			s.PutString(tag.MIMETypeOfEncapsulatedDocument, dicom.LO, "application/pdf")
			s.Put(dataset.Element{Tag: tag.EncapsulatedDocument, VR: dicom.OB, Value: []byte(long[:19_998])})
			s.PutInt(tag.EncapsulatedDocumentLength, dicom.UL, 19_997)
		}),
	)
	const series = "/studies/1.2.3/series/1.2.3.4"
	at := func(sop, path string) string {
		return "http://pacs.test/dicom-web" + series + "/instances/" + sop + "/bulkdata/" + path
	}
	native, le := "application/octet-stream; transfer-syntax="+string(explicitLE), "application/octet-stream"
	wave := le + " " + at("1.2.3.5", "54000100/2/54001010") + " " + long
	first := native + " " + at("1.2.3.5", "7FE00010") + " \x01\x02\x03\x04"
	frame := "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80 " + at("1.2.3.6", "7FE00010") + " " + string(image[:7])
	swapped := native + " " + at("1.2.3.7", "7FE00010") + " \x01\x00\x02\x00"
	pdf := le + " " + at("1.2.3.9", "00420011") + " " + long[:19_997]
	for _, c := range []struct {
		path, accept string
		status       int
		partType     string
		want         []string
	}{
		{"/studies/1.2.3/pixeldata", "", 200, "application/octet-stream", []string{first, frame, frame, swapped}},
		{series + "/pixeldata", "", 200, "application/octet-stream", []string{first, frame, frame, swapped}},
		{series + "/bulkdata", "", 200, "application/octet-stream", []string{wave, first, frame, frame, swapped, pdf}},
		{"/studies/1.2.3/bulkdata", `multipart/related; type="application/octet-stream"`, 206, "application/octet-stream", []string{wave, first, swapped, pdf}},
		{"/studies/1.2.3/pixeldata", `multipart/related; type="image/jls"`, 206, "application/octet-stream", []string{frame, frame}},
		{series + "/instances/1.2.3.6/pixeldata", `multipart/related; type="image/jls"`, 200, "image/jls", []string{frame, frame}},
		{series + "/instances/1.2.3.6/bulkdata", `multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80`, 200, "image/jls", []string{frame, frame}},
		{series + "/instances/1.2.3.6/pixeldata", `multipart/related; type="application/octet-stream"`, 406, "", nil},
		{series + "/instances/1.2.3.9/bulkdata", "", 200, "application/octet-stream", []string{pdf}},
		{series + "/instances/1.2.3.9/pixeldata", "", 404, "", nil},
		{series + "/instances/1.2.3.8/bulkdata", "", 404, "", nil},
		{"/studies/1.2.4/pixeldata", "", 404, "", nil},
		{"/studies/1.2.3/pixeldata", "image/png", 406, "", nil},
	} {
		t.Run(c.path+" "+c.accept, func(t *testing.T) {
			var headers []string
			if c.accept != "" {
				headers = append(headers, "Accept: "+c.accept)
			}
			w := s.get(c.path, headers...)
			body := s.want(w, c.status)
			if c.status >= 400 {
				if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
					t.Errorf("Content-Type %q", ct)
				}
				return
			}
			_, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
			if err != nil || c.partType != "application/octet-stream" && params["type"] != c.partType {
				t.Errorf("Content-Type %q, %v", w.Header().Get("Content-Type"), err)
			}
			if got := w.Header().Get("Warning"); (got != "") != (c.status == 206) {
				t.Errorf("Warning %q", got)
			}
			r, err := multipart.NewReader(strings.NewReader(body), params["boundary"], multipart.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				p, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(p)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p.Header.Get("Content-Type")+" "+p.Header.Get("Content-Location")+" "+string(b))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if w := s.get(c.path, append(headers, "If-None-Match: "+w.Header().Get("ETag"))...); w.Code != http.StatusNotModified {
				t.Errorf("asked again: %d", w.Code)
			}
			head := s.do(http.MethodHead, c.path, nil, headers...)
			if head.Code != c.status || head.Body.Len() > 0 || head.Header().Get("Content-Type") != w.Header().Get("Content-Type") {
				t.Errorf("HEAD: %d, %v", head.Code, head.Header())
			}
		})
	}
	if o, c := s.m.opened, s.m.closed; o != c {
		t.Errorf("%d opened, %d closed", o, c)
	}
}
