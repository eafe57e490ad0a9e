package conformance

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/corpus"
)

// realFiles are files of the corpus in several Transfer Syntaxes, one Study each.
func realFiles(t *testing.T) (files []string) {
	t.Helper()
	dir := corpus.Dir(t, "dicom")
	for _, name := range []string{
		"pydicom-data/US1_J2KI.dcm", "pydicom-data/OBXXXX1A_rle.dcm", "pydicom-data/JPEG-LL.dcm", "pydicom-data/SC_rgb_expb.dcm",
		"pydicom-data/MR-SIEMENS-DICOM-WithOverlays.dcm", "pydicom/test_files/JPGExtended.dcm",
		"dicomParser/encapsulated/single-frame/CT1_UNC.fragmented_bot_jpeg_ls.80.dcm", "dcmqi/segmentations/23x38x3/image/IMG0001.dcm",
		"ms-dicom-server/src/Tests.Common/TranscodingSamples/DeflatedExplicitVRLittleEndian.dcm",
	} {
		files = append(files, filepath.Join(dir, name))
	}
	return files
}

// kept gives the digests of all Data Sets that a gateway holds of the files' Studies, by WADO-RS as they are stored, sorted.
func kept(t *testing.T, g *gateway, files []string) []string {
	t.Helper()
	studies, out := map[string]bool{}, t.TempDir()
	for _, name := range files {
		studies[findFile(t, name)] = true
	}
	for study := range studies {
		retrieved(t, g, study, out)
	}
	return sums(t, list(t, out))
}

// retrieved writes the objects of a Study into the folder as files, in the Transfer Syntaxes they are stored in.
func retrieved(t *testing.T, g *gateway, study, folder string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+g.HTTP+"/dicom-web/studies/"+study, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", `multipart/related; type="application/dicom"; transfer-syntax=*`)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, parameters, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("study %s: %s, %v", study, resp.Status, err)
	}
	parts := multipart.NewReader(resp.Body, parameters["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d.dcm", study, n)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOrthancAsSCU: Orthanc echoes, stores, asks for commitment, queries and retrieves.
func TestOrthancAsSCU(t *testing.T) {
	o := startOrthanc(t)
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: o.AE, Address: o.DICOM}}
	g := serve(t, c)
	proxy := newWire(t, g.DICOM)
	o.knows(t, "halong", "HALONG", proxy.addr)
	dir, objects := sampleFiles(t, 3)
	files := append(list(t, dir), realFiles(t)...)
	o.take(t, files...)
	study := string(objects[0].Study)

	t.Run("C-ECHO", func(t *testing.T) {
		interop(t, peerOrthanc, "C-ECHO", asSCP, "REST echo")
		o.call(t, http.MethodPost, "/modalities/halong/echo", orthancOptions{}, nil)
	})
	t.Run("C-STORE", func(t *testing.T) {
		interop(t, peerOrthanc, "C-STORE", asSCP, "REST store; every Data Set as it was on the wire, uncompressed and compressed")
		var sent struct{ InstancesCount, FailedInstancesCount int }
		o.call(t, http.MethodPost, "/modalities/halong/store", orthancOptions{"Resources": o.instances(t), "Synchronous": true}, &sent)
		if sent.InstancesCount != len(files) || sent.FailedInstancesCount != 0 {
			t.Errorf("%+v of %d", sent, len(files))
		}
		same(t, "on the wire", kept(t, g, files), proxy.sums())
	})
	t.Run("Storage Commitment", func(t *testing.T) {
		interop(t, peerOrthanc, "Storage Commitment", asSCP, "REST storage-commitment; N-EVENT-REPORT received")
		var asked struct{ ID string }
		o.call(t, http.MethodPost, "/modalities/halong/storage-commitment", orthancOptions{
			"Resources":      o.instances(t),
			"DicomInstances": [][]string{{string(ctImageStorage), "2.25.404"}},
		}, &asked)
		var report struct {
			Status            string
			Success, Failures []struct{ SOPInstanceUID string }
		}
		eventually(t, "the commitment report", func() bool {
			o.call(t, http.MethodGet, "/storage-commitment/"+asked.ID, nil, &report)
			return report.Status != "Pending"
		})
		if len(report.Success) != len(files) || len(report.Failures) != 1 || report.Failures[0].SOPInstanceUID != "2.25.404" {
			t.Errorf("%+v", report)
		}
	})
	query := func(t *testing.T, level string, keys map[string]string) (id string, answers []map[string]any) {
		var q struct{ ID string }
		o.call(t, http.MethodPost, "/modalities/halong/query", orthancOptions{"Level": level, "Query": keys}, &q)
		o.call(t, http.MethodGet, "/queries/"+q.ID+"/answers?expand&simplify", nil, &answers)
		return q.ID, answers
	}
	t.Run("C-FIND", func(t *testing.T) {
		interop(t, peerOrthanc, "C-FIND", asSCP, "REST query: Study, Series and Instance level, Vietnamese name")
		_, found := query(t, "Study", map[string]string{"PatientName": "NGUYỄN*", "StudyInstanceUID": study})
		if len(found) != 1 || found[0]["PatientName"] != "NGUYỄN^VĂN^AN" || found[0]["StudyInstanceUID"] != study {
			t.Errorf("studies: %v", found)
		}
		if _, found = query(t, "Series", map[string]string{"StudyInstanceUID": study, "Modality": "CT"}); len(found) != 1 {
			t.Errorf("series: %v", found)
		}
		_, found = query(t, "Instance", map[string]string{"StudyInstanceUID": study, "SeriesInstanceUID": string(objects[0].Series)})
		if len(found) != 3 {
			t.Errorf("instances: %v", found)
		}
		if _, found = query(t, "Study", map[string]string{"PatientID": "NOBODY"}); len(found) != 0 {
			t.Errorf("nobody's studies: %v", found)
		}
	})
	t.Run("C-MOVE", func(t *testing.T) {
		interop(t, peerOrthanc, "C-MOVE", asSCP, "REST retrieve, with itself as destination; every Data Set as it was sent before")
		for _, id := range o.instances(t) {
			o.call(t, http.MethodDelete, "/instances/"+id, nil, nil)
		}
		id, found := query(t, "Study", map[string]string{"PatientID": "BN000123"})
		o.call(t, http.MethodPost, "/queries/"+id+"/retrieve", orthancOptions{"TargetAet": "ORTHANC", "Synchronous": true}, nil)
		eventually(t, "the retrieved instances", func() bool { return len(o.instances(t)) == len(objects) })
		if len(found) == 0 {
			t.Error("no study found")
		}
		same(t, "retrieved", o.sums(t), sums(t, list(t, dir)))
	})
}

// sums gives the digests of the Data Sets that Orthanc holds, sorted.
func (o *orthanc) sums(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	for i, b := range o.files(t) {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.dcm", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return sums(t, list(t, dir))
}

// sums gives the digests of the Data Sets that passed, sorted.
func (w *wire) sums() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d := range w.seen {
		out = append(out, fmt.Sprintf("%x", d))
	}
	slices.Sort(out)
	return out
}
