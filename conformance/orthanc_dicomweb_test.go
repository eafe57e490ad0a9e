package conformance

import (
	"net/http"
	"os"
	"testing"
)

// TestOrthancDICOMweb: Orthanc's DICOMweb plugin as user agent of Halong (STOW-RS, QIDO-RS, WADO-RS), and Orthanc's files against what
// Halong keeps.
func TestOrthancDICOMweb(t *testing.T) {
	interop(t, peerOrthanc, "STOW-RS, QIDO-RS, WADO-RS", asSCP, "DICOMweb plugin: stow, qido, retrieve; every Data Set as Orthanc has it")
	if _, err := os.Stat(orthancDICOMweb); err != nil {
		missing(t, orthancDICOMweb+" (make deps installs it)")
	}
	g := serve(t, onLoopback(t.TempDir()))
	o := startOrthanc(t, orthancOptions{
		"Plugins":  []string{orthancDICOMweb},
		"DicomWeb": map[string]any{"Servers": map[string]any{"halong": map[string]any{"Url": "http://" + g.HTTP + "/dicom-web/", "ChunkedTransfers": true}}},
	})
	dir, objects := sampleFiles(t, 2)
	o.take(t, list(t, dir)...)
	want := o.sums(t)
	study := string(objects[0].Study)

	o.call(t, http.MethodPost, "/dicom-web/servers/halong/stow", orthancOptions{"Resources": o.instances(t), "Synchronous": true}, nil)
	same(t, "stored", kept(t, g, list(t, dir)), want)
	var studies []map[string]any
	o.call(t, http.MethodPost, "/dicom-web/servers/halong/qido", orthancOptions{
		"Uri": "/studies", "Arguments": map[string]string{"PatientName": "NGUYỄN*", "StudyInstanceUID": study},
	}, &studies)
	if len(studies) != 1 {
		t.Errorf("%d studies found: %v", len(studies), studies)
	}
	for _, id := range o.instances(t) {
		o.call(t, http.MethodDelete, "/instances/"+id, nil, nil)
	}
	fetched := map[string]bool{}
	for i := range objects {
		if one := string(objects[i].Study); !fetched[one] {
			fetched[one] = true
			o.call(t, http.MethodPost, "/dicom-web/servers/halong/retrieve", orthancOptions{"Resources": []map[string]string{{"Study": one}}, "Synchronous": true}, nil)
		}
	}
	same(t, "retrieved", o.sums(t), want)
}
