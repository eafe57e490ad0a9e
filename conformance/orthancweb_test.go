package conformance

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/internal/app/config"
)

// orthancWithDICOMweb starts Orthanc with its DICOMweb plugin.
func orthancWithDICOMweb(t *testing.T, plugin map[string]any) *orthanc {
	t.Helper()
	if _, err := os.Stat(orthancDICOMweb); err != nil {
		missing(t, orthancDICOMweb+" (make deps installs it)")
	}
	return startOrthanc(t, orthancOptions{"Plugins": []string{orthancDICOMweb}, "DicomWeb": plugin})
}

// written writes parts as files into a folder.
func written(t *testing.T, folder string, parts func(func(*client.Part, error) bool)) (names []string) {
	t.Helper()
	for p, err := range parts {
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(folder, strconv.Itoa(len(names))+".dcm")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// TestForwardToOrthanc: Halong sends by STOW-RS to Orthanc's DICOMweb plugin, and the client package finds there what was sent, at
// all levels and page by page, and gets it back.
func TestForwardToOrthanc(t *testing.T) {
	interop(t, peerOrthanc, "STOW-RS", asSCU, "DICOMweb plugin; forwarding: every Data Set as Halong has it")
	interop(t, peerOrthanc, "QIDO-RS, WADO-RS", asSCU, "DICOMweb plugin; the Go client: searches at every level by pages, metadata, instances, frames, bulk data")
	o := orthancWithDICOMweb(t, map[string]any{"Root": "/dicom-web/", "Enable": true})
	c := onLoopback(t.TempDir())
	forwardTo(c, config.ForwardDestination{Name: "orthanc", URL: o.HTTP + "/dicom-web"})
	g := serve(t, c)
	dir, objects := sampleFiles(t, 3)
	sendFiles(t, g.DICOM, list(t, dir)...)
	eventually(t, "Orthanc has all", func() bool { return account(t, g.URL, "orthanc").Done == int64(len(objects)) })
	want := sums(t, list(t, dir))
	same(t, "forwarded", o.sums(t), want)

	far := &client.Client{URL: o.HTTP + "/dicom-web"}
	ctx := t.Context()
	studies := map[string]bool{}
	for i := range objects {
		studies[string(objects[i].Study)] = true
	}
	found := 0
	for s, err := range far.Search(ctx, client.Query{Level: client.Studies, Match: []client.Param{{Name: "PatientID", Value: "BN0001*"}}, Page: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if found++; !studies[string(s.UID(tag.StudyInstanceUID))] {
			t.Errorf("found %s", s.UID(tag.StudyInstanceUID))
		}
	}
	if found != len(studies) {
		t.Errorf("%d studies of %d found", found, len(studies))
	}
	var files []string
	for study := range studies {
		in := client.Resource{Study: objects[0].Study}
		for i := range objects {
			if string(objects[i].Study) == study {
				in.Study = objects[i].Study
			}
		}
		folder := t.TempDir()
		files = append(files, written(t, folder, far.Retrieve(ctx, in))...)
		for s, err := range far.Search(ctx, client.Query{Level: client.Series, In: in, Include: []string{"all"}}) {
			if err != nil {
				t.Fatal(err)
			}
			instances := 0
			for i, err := range far.Search(ctx, client.Query{Level: client.Instances, In: client.Resource{Study: in.Study, Series: s.UID(tag.SeriesInstanceUID)}, Page: 1}) {
				if err != nil {
					t.Fatal(err)
				}
				instances++
				checkFromOrthanc(t, far, client.Resource{Study: in.Study, Series: s.UID(tag.SeriesInstanceUID), Instance: i.UID(tag.SOPInstanceUID)})
			}
			if instances == 0 {
				t.Errorf("series %s has no instance", s.UID(tag.SeriesInstanceUID))
			}
		}
	}
	same(t, "retrieved", sums(t, files), want)
	if _, err := first(far.Metadata(ctx, client.Resource{Study: "1.2.3.4"})); client.StatusOf(err) != http.StatusNotFound {
		t.Errorf("metadata of nothing: %v", err)
	}
}

// checkFromOrthanc gets one instance by the client's other methods and compares them with the instance itself.
func checkFromOrthanc(t *testing.T, far *client.Client, r client.Resource) {
	t.Helper()
	ctx := t.Context()
	p, err := first(far.Retrieve(ctx, r, "1.2.840.10008.1.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	if p.ContentType == "" {
		t.Error("no Content-Type")
	}
	m, err := first(far.Metadata(ctx, r))
	if err != nil || m.Set.UID(tag.SOPInstanceUID) != r.Instance {
		t.Fatalf("metadata: %v", err)
	}
	for _, b := range m.Bulk {
		bulk, err := far.Bulkdata(ctx, b.URI, client.BulkOptions{})
		if err != nil {
			t.Errorf("%s: %v", b.Tag, err)
			continue
		}
		n, err := io.Copy(io.Discard, bulk)
		if err := bulk.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || n == 0 {
			t.Errorf("%s: %d bytes, %v", b.Tag, n, err)
		}
	}
	rows, isImage := m.Set.Int(tag.Rows)
	if !isImage {
		return
	}
	columns, _ := m.Set.Int(tag.Columns)
	octets, _ := m.Set.Int(tag.BitsAllocated)
	for p, err := range far.Frames(ctx, r, []int{1}) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil || int64(len(b)) != rows*columns*octets/8 || bytes.Count(b, b[:1]) == len(b) {
			t.Errorf("frame of %d bytes, want %d; %v", len(b), rows*columns*octets/8, err)
		}
	}
}

// first gives what comes first, with its error; a Part's body has been read.
func first[T any](all func(func(T, error) bool)) (got T, err error) {
	err = io.EOF
	for got, err = range all {
		break
	}
	return got, err
}

// TestOrthancQueriesHalong: Orthanc's plugin as user agent passes on what its users ask: queries with every kind of key, metadata, and retrievals of parts of a study.
func TestOrthancQueriesHalong(t *testing.T) {
	interop(t, peerOrthanc, "QIDO-RS, WADO-RS", asSCP, "DICOMweb plugin: qido at every level, get of metadata and frames, retrieve of series and instances")
	g := serve(t, onLoopback(t.TempDir()))
	o := orthancWithDICOMweb(t, map[string]any{"Servers": map[string]any{"halong": map[string]any{"Url": g.URL + "/dicom-web/", "HasWadoRsUniversalTransferSyntax": true}}})
	dir, objects := sampleFiles(t, 3)
	sendFiles(t, g.DICOM, list(t, dir)...)
	server := "/dicom-web/servers/halong/"
	study, series := string(objects[0].Study), string(objects[0].Series)
	of := func(same func(i int) bool) (files []string) {
		for i, name := range list(t, dir) {
			if same(i) {
				files = append(files, name)
			}
		}
		return files
	}
	inSeries := of(func(i int) bool { return string(objects[i].Series) == series })

	for _, q := range []struct {
		uri  string
		keys map[string]string
		want int
	}{
		{"/studies", map[string]string{"00100010": "NGUYỄN*", "StudyDate": "20000101-"}, 4},
		{"/studies", map[string]string{"PatientID": "nobody"}, 0},
		{"/series", map[string]string{"StudyInstanceUID": study, "Modality": "CT"}, 1},
		{"/studies/" + study + "/instances", map[string]string{"SeriesInstanceUID": series, "limit": "2"}, 2},
		{"/instances", map[string]string{"SOPInstanceUID": string(objects[1].SOPInstance) + "," + string(objects[0].SOPInstance)}, 2},
	} {
		var found []map[string]any
		o.call(t, http.MethodPost, server+"qido", orthancOptions{"Uri": q.uri, "Arguments": q.keys}, &found)
		if len(found) != q.want && (q.uri != "/studies" || q.want == 0 || len(found) == 0) {
			t.Errorf("%s %v: %d found, want %d", q.uri, q.keys, len(found), q.want)
		}
	}
	status, body := o.rest(t, http.MethodPost, server+"get", orthancOptions{"Uri": "/studies/" + study + "/metadata", "HttpHeaders": map[string]string{"Accept": "application/dicom+json"}})
	if status != http.StatusOK || !strings.Contains(string(body), study) {
		t.Errorf("metadata: %d %.200s", status, body)
	}
	frame := "/studies/" + study + "/series/" + series + "/instances/" + string(objects[0].SOPInstance) + "/frames/1"
	if status, body := o.rest(t, http.MethodPost, server+"get", orthancOptions{"Uri": frame, "HttpHeaders": map[string]string{"Accept": "application/octet-stream"}}); status != http.StatusOK || len(body) < 100_000 {
		t.Errorf("frame: %d, %d bytes", status, len(body))
	}
	for _, x := range []struct {
		what  string
		where map[string]string
		want  []string
	}{
		{"an instance", map[string]string{"Study": study, "Series": series, "Instance": string(objects[0].SOPInstance)}, list(t, dir)[:1]},
		{"a series", map[string]string{"Study": study, "Series": series}, inSeries},
	} {
		o.call(t, http.MethodPost, server+"retrieve", orthancOptions{"Resources": []map[string]string{x.where}, "Synchronous": true}, nil)
		got, want := o.sums(t), sums(t, x.want)
		slices.Sort(want)
		same(t, x.what, got, want)
	}
}
