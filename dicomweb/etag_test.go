package dicomweb

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
)

// A precondition that does not hold is refused as everything is, with a problem (RFC 9110 15.5.13, RFC 9457 3), whatever was asked for.
func TestOtherStatesAreProblems(t *testing.T) {
	s := serveWorklist(t)
	s.put(file("1.2.3.5", pixels(200, 200, 16, 1, dicom.OW, make([]byte, 2*200*200))))
	s.want(s.do(http.MethodPost, "/workitems?1.2", strings.NewReader(order("")), "Content-Type: application/dicom+json"), http.StatusCreated)
	const series = "/studies/1.2.3/series/1.2.3.4"
	const one = series + "/instances/1.2.3.5"
	for _, c := range []struct{ path, accept string }{
		{"/studies/1.2.3", `multipart/related; type="application/dicom"`},
		{series, "application/zip"},
		{one, "application/dicom"},
		{one + "/bulkdata", `multipart/related; type="application/octet-stream"`},
		{one + "/pixeldata", `multipart/related; type="application/octet-stream"`},
		{one + "/frames/1", `multipart/related; type="application/octet-stream"`},
		{one + "/frames/1", "application/octet-stream"},
		{one + "/bulkdata/7FE00010", "application/octet-stream"},
		{one + "/bulkdata/7FE00010", `multipart/related; type="application/octet-stream"`},
		{series + "/metadata", "application/dicom+json"},
		{"/studies/1.2.3/metadata", `multipart/related; type="application/dicom+xml"`},
		{"/workitems/1.2", "application/dicom+json"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := s.do(method, c.path, nil, "Accept: "+c.accept, "Accept-Encoding: gzip", `If-Match: "other"`)
			var p struct{ Status int }
			if err := json.Unmarshal(w.Body.Bytes(), &p); method == http.MethodGet && (err != nil || p.Status != http.StatusPreconditionFailed) {
				t.Errorf("%s: %s (%v)", c.path, w.Body, err)
			}
			h := w.Header()
			if kind := h.Get("Content-Type"); w.Code != http.StatusPreconditionFailed || kind != "application/problem+json" || h.Get("ETag")+h.Get("Content-Encoding") != "" {
				t.Errorf("%s %s as %s: %d, %v", method, c.path, c.accept, w.Code, h)
			}
		}
	}
}
