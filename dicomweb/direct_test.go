package dicomweb

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// onDisk is an archive whose objects lie in files, which can be shorter than they should be.
type onDisk struct {
	*memory
	folder string
	sent   atomic.Int64 // ranges that were sent from a file
	cut    int64        // bytes missing at the end
}

func (a *onDisk) Open(ctx context.Context, in *storage.Instance) (*fileObject, error) {
	m, err := a.memory.Open(ctx, in)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(a.folder, string(m.SOP))
	if err := os.WriteFile(name, m.data[:int64(len(m.data))-a.cut], 0o600); err != nil {
		return nil, err
	}
	return &fileObject{m, a, name}, nil
}

type fileObject struct {
	*memoryObject
	a    *onDisk
	name string
}

func (o *fileObject) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(o.data).ReadAt(p, off)
}

func (o *fileObject) SendRange(w io.ReaderFrom, off, n int64) (int64, error) {
	f, err := os.Open(o.name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	o.a.sent.Add(1)
	return w.ReadFrom(&io.LimitedReader{R: f, N: n})
}

func (o *fileObject) DataSet() *io.SectionReader { return io.NewSectionReader(o, 0, o.Size()) }

func (o *fileObject) Bulk(offset, length int64) (*io.SectionReader, error) {
	return io.NewSectionReader(o, offset, length), nil
}

func (o *fileObject) Frame(i int) (io.Reader, int64, error) {
	r, n, err := o.memoryObject.Frame(i)
	if err != nil {
		return nil, 0, err
	}
	t, err := o.FrameTable()
	if err != nil {
		return nil, 0, err
	}
	if f, err := t.Frame(i); err == nil && len(f.Ranges) == 1 {
		return io.NewSectionReader(o, o.base+f.Ranges[0].Offset, n), n, nil
	}
	return r, n, err
}

func (a *onDisk) get(t *testing.T, url, path string, client *http.Client, method, accept string) (*http.Response, []byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+"/dicom-web"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "pacs.test"
	r.Header.Set("Accept", accept)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

const directSOP = "1.2.3.5"

// directWorld gives a server whose objects come from memory, and the same objects in files.
func directWorld(t *testing.T) (plain, files *server, a *onDisk) {
	t.Helper()
	public := func(c *Config) { c.PublicURL = "http://pacs.test" }
	plain = serve(t, public)
	a = &onDisk{memory: plain.m, folder: t.TempDir()}
	files = serve(t, public, func(c *Config) { c.Archive = FromStorage(a) })
	value := make([]byte, 3*200*200*2)
	for i := range value {
		value[i] = byte(i * i >> 8)
	}
	plain.put(file(directSOP, pixels(200, 200, 16, 3, dicom.OW, value)))
	plain.put(file("1.2.3.6", pixels(2, 2, 16, 1, dicom.OW, value[:8])))
	return plain, files, a
}

// Answers are the same, whether the program copies the bytes or the connection reads the file.
func TestFilesAreSentAsTheyAreCopied(t *testing.T) {
	const object, octets = `multipart/related; type="application/dicom"`, `multipart/related; type="application/octet-stream"`
	series := "/studies/1.2.3/series/1.2.3.4"
	one := series + "/instances/" + directSOP
	for name, start := range map[string]func(*httptest.Server){
		"clear": (*httptest.Server).Start,
		"TLS":   (*httptest.Server).StartTLS,
		"HTTP/2": func(s *httptest.Server) {
			s.EnableHTTP2 = true
			s.StartTLS()
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain, files, a := directWorld(t)
			s := httptest.NewUnstartedServer(files.h)
			start(s)
			defer s.Close()
			for _, tc := range []struct {
				path, accept string
				sent         int64 // ranges in clear
			}{
				{one, object, 1},
				{one, "application/dicom", 1},
				{series, object, 1}, // and a small one that is copied
				{"/studies/1.2.3", object, 1},
				{one, object + "; transfer-syntax=1.2.840.10008.1.2.1", 1},
				{one + "/frames/2", octets, 1},
				{one + "/frames/2", "application/octet-stream", 1},
				{one + "/frames/3,1", octets, 2},
				{"/studies/1.2.3", "application/zip", 0},
			} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					before := a.sent.Load()
					resp, got, err := a.get(t, s.URL, tc.path, s.Client(), method, tc.accept)
					if err != nil {
						t.Fatal(tc.path, err)
					}
					w := plain.do(method, tc.path, nil, "Accept: "+tc.accept)
					if resp.StatusCode != w.Code || !bytes.Equal(got, w.Body.Bytes()) {
						t.Errorf("%s %s, %s: %s, %d bytes, want %d, %d bytes", method, tc.path, tc.accept, resp.Status, len(got), w.Code, w.Body.Len())
					}
					for _, h := range []string{"Content-Type", "Content-Length", "Etag"} {
						if diff := cmp.Diff(w.Header()[h], resp.Header[h]); diff != "" {
							t.Errorf("%s %s (-want +got):\n%s", method, tc.path, diff)
						}
					}
					if n := resp.ContentLength; method == http.MethodGet && tc.sent > 0 && n != int64(len(got)) {
						t.Errorf("%s: Content-Length %d of %d bytes", tc.path, n, len(got))
					}
					want := tc.sent
					if method == http.MethodHead || name != "clear" {
						want = 0
					}
					if n := a.sent.Load() - before; n != want {
						t.Errorf("%s %s, %s: %d ranges sent from files, want %d", method, tc.path, tc.accept, n, want)
					}
				}
			}
		})
	}
}

// A file that is too short breaks the answer off: the client must not take what it has for the whole.
func TestShortFileBreaksOff(t *testing.T) {
	_, files, a := directWorld(t)
	a.cut = 100
	s := httptest.NewServer(files.h)
	defer s.Close()
	for _, path := range []string{"", "/frames/3"} {
		resp, got, err := a.get(t, s.URL, "/studies/1.2.3/series/1.2.3.4/instances/"+directSOP+path, s.Client(), http.MethodGet, "*/*")
		if err == nil {
			t.Errorf("%q: %s, %d bytes without an error", path, resp.Status, len(got))
		}
	}
}
