package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/storage"
)

// modelBody makes a body of parts: media type, Content-Location, content.
func modelBody(parts ...[3]string) *bytes.Buffer {
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--B\r\nContent-Type: %s\r\n", p[0])
		if p[1] != "" {
			fmt.Fprintf(&b, "Content-Location: %s\r\n", p[1])
		}
		b.WriteString("\r\n" + p[2] + "\r\n")
	}
	b.WriteString("--B--\r\n")
	return &b
}

const (
	jsonType = `Content-Type: multipart/related; type="application/dicom+json"; boundary=B`
	xmlType  = `Content-Type: multipart/related; type="application/dicom+xml"; boundary=B`
)

func modelOf(sop, more string) string {
	return `{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":["` + sop + `"]},"0020000D":{"vr":"UI","Value":["1.2.3"]},"0020000E":{"vr":"UI","Value":["1.2.3.4"]},` +
		`"00100010":{"vr":"PN","Value":[{"Alphabetic":"NGUYỄN^VĂN"}]}` + more + `}`
}

func pixelsAt(uri string) string {
	return `,"00280002":{"vr":"US","Value":[1]},"00280010":{"vr":"US","Value":[2]},"00280011":{"vr":"US","Value":[3]},"00280100":{"vr":"US","Value":[8]},"00280004":{"vr":"CS","Value":["MONOCHROME2"]},"7FE00010":{"vr":"OB","BulkDataURI":"` + uri + `"}`
}

// W23, W24: instances as metadata and bulk data; each is answered for itself.
func TestStoreMetadataAndBulkData(t *testing.T) {
	jpg := testJPEG(2, 3, 1, 8, 0xC0, 0)
	for _, tc := range []struct {
		name, contentType string
		parts             [][3]string
		status            int
		reason            string // of the first failure
		syntax            dicom.UID
	}{
		{"native pixels", jsonType, [][3]string{{mediaJSON, "", "[" + modelOf("1.2.3.5", pixelsAt("pixels/1")) + "]"}, {mediaOctets, "pixels/1", "abcdef"}}, 200, "", explicitLE},
		{"odd length", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", strings.Replace(pixelsAt("p"), "[3]", "[1]", 1)+`,"00420011":{"vr":"OB","BulkDataURI":"d"}`)}, {mediaOctets, "p", "ab"}, {"application/pdf", "d", "%PDF-"}}, 200, "", explicitLE},
		{"W24 absolute in one place, relative in the other", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("http://a.test/p?x=1"))}, {mediaOctets, "/p?x=1", "abcdef"}}, 200, "", explicitLE},
		{"no bulk data at all", jsonType, [][3]string{{"application/json", "", modelOf("1.2.3.5", "")}}, 200, "", explicitLE},
		{"JPEG", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"image/jpeg", "p", jpg}}, 200, "", jpeg},
		{"JPEG with its transfer syntax", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.51", "p", jpg}}, 200, "", "1.2.840.10008.1.2.4.51"},
		{"W24 JPEG tells what metadata leave out", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", `,"7FE00010":{"vr":"OB","BulkDataURI":"p"}`)}, {"image/jpeg", "p", jpg}}, 200, "", jpeg},
		{"W24 JPEG of another size", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"image/jpeg", "p", testJPEG(4, 3, 1, 8, 0xC0, 0)}}, 409, "43264", ""},
		{"W24 no JPEG", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"image/jpeg", "p", "RIFF"}}, 409, "49152", ""},
		{"W24 AVI", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"video/x-msvideo", "p", "RIFF"}}, 409, "290", ""},
		{"frames", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", `,"00280008":{"vr":"IS","Value":[2]}`+pixelsAt("p"))}, {"image/jls", "p", testJPEG(2, 3, 1, 8, 0xF7, 0)}, {"image/jls", "p", testJPEG(2, 3, 1, 8, 0xF7, 0)}}, 200, "", jls},
		{"JPEG 2000", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"image/jp2", "p", testJ2K(2, 3, 1)}}, 200, "", "1.2.840.10008.1.2.4.90"},
		{"HTJ2K", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"image/jphc", "p", testJ2K(2, 3, 0)}}, 200, "", "1.2.840.10008.1.2.4.203"},
		{"MP4", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {"video/mp4", "p", "\x00\x00\x00\x18ftypmp42"}}, 200, "", "1.2.840.10008.1.2.4.102"},
		{"missing bulk data", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt("p"))}, {mediaOctets, "q", "abcdef"}}, 409, "49152", ""},
		{"bulk data without a place", jsonType, [][3]string{{mediaJSON, "", modelOf("1.2.3.5", pixelsAt(""))}, {mediaOctets, "", "abcdef"}}, 409, "49152", ""},
		{"W23 a bad one beside a good one", jsonType, [][3]string{{mediaJSON, "", "[" + modelOf("1.2.3.5", "") + "," + modelOf("1.2.3.6", pixelsAt("p")) + "]"}}, 202, "49152", explicitLE},
		{"W23 unreadable metadata beside good ones", jsonType, [][3]string{{mediaJSON, "", "[{"}, {mediaJSON, "", modelOf("1.2.3.5", "")}}, 202, "49152", explicitLE},
		{"no UIDs", jsonType, [][3]string{{mediaJSON, "", `{"00100010":{"vr":"PN"}}`}}, 409, "49152", ""},
		{"no metadata", jsonType, [][3]string{{mediaOctets, "p", "abcdef"}}, 400, "", ""},
		{"XML where JSON was announced", jsonType, [][3]string{{mediaXML, "", "<NativeDicomModel/>"}}, 400, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serveReal(t)
			w := s.do(http.MethodPost, "/studies", modelBody(tc.parts...), tc.contentType)
			b := s.want(w, tc.status)
			if tc.reason != "" && !strings.Contains(b, `"00081197":{"vr":"US","Value":[`+tc.reason+`]`) {
				t.Errorf("want failure reason %s: %s", tc.reason, b)
			}
			if tc.syntax == "" {
				return
			}
			got := s.get("/studies/1.2.3/series/1.2.3.4/instances/1.2.3.5", "Accept: application/dicom; transfer-syntax=*")
			s.want(got, 200)
			if ct := got.Header().Get("Content-Type"); ct != "application/dicom; transfer-syntax="+string(tc.syntax) {
				t.Errorf("Content-Type %s", ct)
			}
		})
	}
}

// The same in XML, answered in XML.
func TestStoreMetadataInXML(t *testing.T) {
	s := serveReal(t)
	var parts [][3]string
	for i := range 2 {
		model, err := dicomjson.AppendXML(nil, []byte(modelOf(fmt.Sprintf("1.2.3.%d", i), pixelsAt(fmt.Sprintf("p%d", i)))))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, [3]string{mediaXML, "", string(model)})
	}
	parts = append(parts, [3]string{mediaOctets, "p0", "abcdef"}, [3]string{mediaOctets, "p1", "ghijkl"})
	w := s.do(http.MethodPost, "/studies/1.2.3", modelBody(parts...), xmlType, "Accept: application/dicom+xml")
	set, _, err := dicomjson.DecodeXML([]byte(s.want(w, 200)), dataset.Limits{})
	if err != nil || len(set.Get(tag.ReferencedSOPSequence).Items) != 2 || w.Header().Get("Content-Type") != mediaXML {
		t.Errorf("%v %v", err, w)
	}
	if got := s.want(s.get("/studies/1.2.3/series/1.2.3.4/instances/1.2.3.1/frames/1", "Accept: application/octet-stream"), 200); got != "ghijkl" {
		t.Errorf("%q", got)
	}
}

// What WADO-RS gives as metadata and bulk data can be stored again and is the same.
func TestJ6MetadataAndBulkDataGoRound(t *testing.T) {
	root := filepath.Join(corpus.Dir(t, "dicom"), "pydicom", "test_files")
	for _, name := range []string{"CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "JPEG-lossy.dcm", "waveform_ecg.dcm", "SC_rgb_jpeg_dcmtk.dcm"} {
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			from, to := serveReal(t), serveReal(t)
			if w := from.do(http.MethodPost, "/studies", bytes.NewReader(b), "Content-Type: application/dicom"); w.Code != 200 {
				t.Skip("not a file that is stored:", w.Code)
			}
			id := results(t, from.want(from.get("/instances"), 200))[0]
			path := fmt.Sprintf("/studies/%v/series/%v/instances/%v", id["0020000D"].Value[0], id["0020000E"].Value[0], id["00080018"].Value[0])
			model := from.want(from.get(path+"/metadata"), 200)
			objects, err := dicomjson.DecodeAll([]byte(model), dataset.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			parts := [][3]string{{mediaJSON, "", model}}
			for _, ref := range objects[0].Bulk {
				at := strings.TrimPrefix(ref.URI, "http://pacs.test/dicom-web")
				if ref.Tag == tag.PixelData {
					at = path + "/frames/1"
				}
				w := from.get(at, "Accept: */*")
				from.want(w, 200)
				r := w.Body
				media := w.Header().Get("Content-Type")
				if strings.HasPrefix(media, "multipart") {
					media, r = firstPart(t, media, r)
				}
				parts = append(parts, [3]string{media, ref.URI, r.String()})
			}
			to.want(to.do(http.MethodPost, "/studies", modelBody(parts...), jsonType), 200)
			for _, at := range []string{"/metadata", "/frames/1"} {
				if at == "/frames/1" && len(objects[0].Set.Strings(tag.Rows)) == 0 {
					continue
				}
				a, b := from.get(path+at, "Accept: */*"), to.get(path+at, "Accept: */*")
				if from.want(a, 200) != to.want(b, 200) && at == "/metadata" {
					t.Errorf("%s differs", at)
				}
				if at == "/frames/1" {
					_, x := firstPart(t, a.Header().Get("Content-Type"), a.Body)
					_, y := firstPart(t, b.Header().Get("Content-Type"), b.Body)
					if !bytes.Equal(x.Bytes(), y.Bytes()) {
						t.Errorf("frames of %d and %d bytes", x.Len(), y.Len())
					}
				}
			}
		})
	}
}

// firstPart gives media type and content of the first part.
func firstPart(t *testing.T, contentType string, body io.Reader) (string, *bytes.Buffer) {
	t.Helper()
	m, err := multipart.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	r, err := multipart.NewReader(body, m.Get("boundary"), multipart.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	return p.Header.Get("Content-Type"), bytes.NewBuffer(b)
}

// testJPEG is the beginning of a JPEG or JPEG-LS image: SOI, APP0, frame and scan header, EOI.
func testJPEG(rows, columns, samples, bits int, process, parameter byte) string {
	b := []byte{0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 'J', 'F'}
	b = append(b, 0xFF, process, 0, byte(8+3*samples), byte(bits), 0, byte(rows), 0, byte(columns), byte(samples))
	b = append(b, make([]byte, 3*samples)...)
	b = append(b, 0xFF, 0xDA, 0, byte(6+2*samples), byte(samples))
	b = append(b, make([]byte, 2*samples)...)
	return string(append(b, parameter, 0, 0, 1, 2, 3, 0xFF, 0xD9))
}

// testJ2K is the beginning of a JPEG 2000 codestream of one component: SIZ, COD.
func testJ2K(rows, columns, transformation byte) string {
	b := []byte{0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0}
	b = append(b, 0, 0, 0, columns, 0, 0, 0, rows)
	b = append(b, make([]byte, 24)...)
	b = append(b, 0, 1, 7, 1, 1)
	return string(append(b, 0xFF, 0x52, 0, 12, 0, 0, 0, 1, 0, 5, 4, 4, 0, transformation, 0xFF, 0x90, 0xFF, 0xD9))
}

// What claims to be an image is looked at in bounded time and never trusted.
func FuzzCodestream(f *testing.F) {
	f.Add([]byte(testJPEG(2, 3, 1, 8, 0xC3, 1)))
	f.Add([]byte(testJ2K(2, 3, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func() (image, error){
			func() (image, error) { return readJPEG(bytes.NewReader(b)) },
			func() (image, error) { return readJPEG2000(bytes.NewReader(b), true) },
		} {
			im, err := read()
			if err == nil && (im.rows <= 0 || im.columns < 0 || im.syntax == "") {
				t.Errorf("%+v", im)
			}
		}
	})
}

// The memory of a request is bounded, however many instances it names and however many of them name the same bulk data.
func TestStoreMetadataMemory(t *testing.T) {
	s := serve(t)
	empty := "[" + strings.Repeat("{},", maxInstances) + "{}]"
	s.want(s.do(http.MethodPost, "/studies", modelBody([3]string{mediaJSON, "", empty}), jsonType), http.StatusRequestEntityTooLarge)

	s.want(s.do(http.MethodPost, "/studies", modelBody([3]string{mediaJSON, "", strings.Repeat(" ", maxModel) + "[]"}), jsonType), http.StatusRequestEntityTooLarge)

	const size, n = 8 << 20, 24
	m := &discarding{Archive: FromStorage(&memory{}), last: n}
	s = serve(t, func(c *Config) { c.Archive = m })
	var models []string
	for i := range n {
		models = append(models, modelOf(fmt.Sprintf("1.2.3.%d", i), `,"00420011":{"vr":"OB","BulkDataURI":"d"}`))
	}
	b := modelBody([3]string{mediaJSON, "", "[" + strings.Join(models, ",") + "]"}, [3]string{"application/pdf", "d", strings.Repeat("x", size)})
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s.want(s.do(http.MethodPost, "/studies", b, jsonType), http.StatusConflict)
	if live := int64(m.live) - int64(before.HeapAlloc); m.calls != n || live > n/2*size {
		t.Errorf("%d instances, %d MiB live for %d MiB that they share", m.calls, live>>20, size>>20)
	}
}

// discarding is an archive that keeps nothing and looks at the memory in use when the last object is read.
type discarding struct {
	Archive
	mu          sync.Mutex
	calls, last int
	live        uint64
}

func (d *discarding) Store(_ context.Context, in storage.Inbound) (storage.Receipt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls++; d.calls == d.last {
		var now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&now)
		d.live = now.HeapAlloc
	}
	if _, err := io.Copy(io.Discard, in.Body); err != nil {
		return storage.Receipt{}, err
	}
	return storage.Receipt{}, halong.E("discarding.Store", halong.Invalid, "", nil)
}
