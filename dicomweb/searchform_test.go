package dicomweb

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

const formType = "Content-Type: application/x-www-form-urlencoded"

// W14: lists of 5,000 UIDs, by comma and by backslash, in the query string and, since many proxies and servers take no such URL, in
// a form; at every resource that can be searched.
func TestW14LongUIDLists(t *testing.T) {
	s := serveReal(t)
	for i := range 3 {
		s.put(file(fmt.Sprintf("1.2.3.5.%d", i), func(d *dataset.Set) {
			d.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.%d", i))
			d.PutString(tag.SeriesInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.4.%d", i))
		}))
	}
	list := func(prefix, separator string) string {
		var b strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&b, "%s1.2.826.0.1.3680043.10.1999.123456789012345678901234.%d", separator, i)
		}
		return prefix + "1" + b.String() + separator + prefix + "0" // the second and the first of those stored
	}
	for _, c := range []struct{ path, key, prefix, found string }{
		{"/studies", "StudyInstanceUID", "1.2.3.", `"0020000D"`},
		{"/studies", "0020000D", "1.2.3.", `"0020000D"`},
		{"/series", "SeriesInstanceUID", "1.2.3.4.", `"0020000E"`},
		{"/series", "StudyInstanceUID", "1.2.3.", `"0020000E"`},
		{"/instances", "SOPInstanceUID", "1.2.3.5.", `"00080018"`},
		{"/instances", "SeriesInstanceUID", "1.2.3.4.", `"00080018"`},
	} {
		for _, separator := range []string{",", `\`} {
			uids := list(c.prefix, separator)
			form := url.Values{c.key: {uids}, "limit": {"10"}}.Encode()
			for name, got := range map[string]string{
				"form":         s.want(s.do(http.MethodPost, c.path, strings.NewReader(form), formType), 200),
				"query string": s.want(s.get(c.path+"?"+form), 200),
			} {
				if n := strings.Count(got, c.found); n != 2 {
					t.Errorf("%s by %s and %q in the %s: %d found", c.path, c.key, separator, name, n)
				}
			}
		}
	}
}

// A form means what a query string means, and both count.
func TestSearchByForm(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5.1", patient("NGUYỄN^VĂN")), file("1.2.3.5.2", patient("NGUYỄN^VĂN")))
	for _, c := range []struct{ path, form, query string }{
		{"/studies", "PatientName=NGUY%E1%BB%84N*&includefield=00081030%2C00080061", "?PatientName=NGUY%E1%BB%84N*&includefield=00081030%2C00080061"},
		{"/studies?includefield=all", "PatientName=NGUY%E1%BB%84N*\r\n", "?PatientName=NGUY%E1%BB%84N*&includefield=all"},
		{"/studies/1.2.3/instances", "limit=1&offset=1", "?limit=1&offset=1"},
		{"/studies/1.2.3/series", "", ""},
		{"/studies/1.2.3/series/1.2.3.4/instances", "SOPInstanceUID=1.2.3.5.2", "?SOPInstanceUID=1.2.3.5.2"},
		{"/instances", "SOPInstanceUID=9", "?SOPInstanceUID=9"},
	} {
		for range 2 { // the second may be a ready answer, and must not be another search's
			w := s.do(http.MethodPost, c.path, strings.NewReader(c.form), formType+"; charset=UTF-8", "Accept: application/dicom+json")
			path, _, _ := strings.Cut(c.path, "?")
			if got, want := s.want(w, 200), s.want(s.get(path+c.query), 200); got != want {
				t.Errorf("%s %q: %s, want %s", c.path, c.form, got, want)
			}
			if seen := s.o[len(s.o)-2]; seen.Operation != "search" {
				t.Errorf("seen as %s", seen.Operation)
			}
		}
	}
	if w := s.do(http.MethodPost, "/studies", strings.NewReader("PatientID=X&accept=multipart/related;type=\"application/dicom%2Bxml\""), formType); w.Code != http.StatusNoContent {
		t.Errorf("accept in a form: %d", w.Code)
	}
	for _, c := range []struct {
		path, contentType, body string
		want                    int
	}{
		{"/series", "Content-Type: text/plain", "a=b", http.StatusUnsupportedMediaType},
		{"/instances", "X: y", "a=b", http.StatusUnsupportedMediaType},
		{"/series", formType, "PatientID=%zz", http.StatusBadRequest},
		{"/studies", formType, "PatientID=%FF", http.StatusBadRequest},
		{"/studies", formType, "StudyDate=yesterday", http.StatusBadRequest},
		{"/studies", formType, "PatientID=" + strings.Repeat("x", mostForm), http.StatusRequestEntityTooLarge},
		{"/studies/1.2.3", formType, "PatientID=x", http.StatusUnsupportedMediaType}, // the study is no resource that is searched
	} {
		if w := s.do(http.MethodPost, c.path, strings.NewReader(c.body), c.contentType); w.Code != c.want {
			t.Errorf("%s %s %.20s: %d, want %d", c.path, c.contentType, c.body, w.Code, c.want)
		}
	}
	// A body whose length nobody knows is bounded too; a compressed one is refused.
	if w := s.do(http.MethodPost, "/series", struct{ io.Reader }{bytes.NewReader(bytes.Repeat([]byte("x"), mostForm+1))}, formType); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", w.Code)
	}
	if w := s.do(http.MethodPost, "/series", strings.NewReader("x"), formType, "Content-Encoding: gzip"); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d", w.Code)
	}
	if w := s.do(http.MethodOptions, "/series", nil); w.Header().Get("Allow") != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("Allow: %q", w.Header().Get("Allow"))
	}
}

// FuzzForm: whatever is sent as a form, the answer is one that HTTP knows, and no failure of the server.
func FuzzForm(f *testing.F) {
	f.Add("PatientName=NGUY%E1%BB%84N*&limit=1")
	f.Add("StudyInstanceUID=1.2.3%5C1.2&offset=1&&=&x")
	f.Add("0040A730.0040A043.00080100=x&00091001=y&includefield=all")
	one := serve(f)
	one.put(file("1.2.3.5"))
	f.Fuzz(func(t *testing.T, form string) {
		s := *one
		s.t = t
		if w := s.do(http.MethodPost, "/studies", strings.NewReader(form), formType); w.Code >= 500 {
			t.Errorf("%d", w.Code)
		}
	})
}
