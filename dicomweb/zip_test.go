package dicomweb

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// A study as one ZIP file: the instances as they are stored, or in the transfer syntax asked for.
func TestZip(t *testing.T) {
	s := serve(t)
	for i := range 3 {
		s.put(fileIn(implicitLE, fmt.Sprintf("1.2.3.5.%d", i), func(d *dataset.Set) {
			d.PutString(tag.SeriesInstanceUID, dicom.UI, fmt.Sprintf("1.2.3.%d", i%2))
		}))
	}
	for _, tc := range []struct {
		accept string
		syntax dicom.UID
	}{
		{"application/zip", implicitLE},
		{"application/zip; transfer-syntax=*", implicitLE},
		{`application/zip; transfer-syntax="1.2.840.10008.1.2.1"`, explicitLE},
		{`multipart/related; type="application/dicom"; q=0.1, application/zip`, implicitLE},
	} {
		w := s.get("/studies/1.2.3", "Accept: "+tc.accept)
		b := []byte(s.want(w, 200))
		if w.Header().Get("Content-Type") != "application/zip" || w.Header().Get("Content-Disposition") != `attachment; filename="1.2.3.zip"` {
			t.Errorf("%v", w.Header())
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range z.File {
			names = append(names, f.Name)
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			h, _, err := dataset.ReadFileHeader(bytes.NewReader(content), dataset.Limits{})
			if err != nil || h.TransferSyntax != tc.syntax {
				t.Errorf("%s: %v, %v", f.Name, err, h)
			}
		}
		if diff := cmp.Diff([]string{"DICOM/SE000001/IM000001", "DICOM/SE000002/IM000002", "DICOM/SE000001/IM000003"}, names); diff != "" {
			t.Error(diff)
		}
		s.want(s.get("/studies/1.2.3", "Accept: "+tc.accept, "If-None-Match: "+w.Header().Get("ETag")), http.StatusNotModified)
	}
	s.want(s.get("/studies/1.2.3", "Accept: application/zip; transfer-syntax=1.2.840.10008.1.2.4.50"), http.StatusNotAcceptable)
	if w := s.get("/studies/1.2.3", `Accept: multipart/related; type="application/dicom", application/zip; q=0.5`); w.Header().Get("Content-Type") == "application/zip" {
		t.Error("ZIP although something else is preferred")
	}
}
