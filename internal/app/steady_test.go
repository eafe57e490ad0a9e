package app

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
)

// largeImage makes a file with so many bytes of pixels, and gives the path of the instance.
func largeImage(size int) (file []byte, path string) {
	const class, sop = "1.2.840.10008.5.1.4.1.1.2", "2.25.3"
	var s dataset.Set
	s.PutString(tag.SOPClassUID, dicom.UI, class)
	s.PutString(tag.SOPInstanceUID, dicom.UI, sop)
	s.PutString(tag.PatientID, dicom.LO, "P1")
	s.PutString(tag.StudyInstanceUID, dicom.UI, "2.25.1")
	s.PutString(tag.SeriesInstanceUID, dicom.UI, "2.25.2")
	s.PutInt(tag.Rows, dicom.US, 2)
	s.PutInt(tag.Columns, dicom.US, 2)
	s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: make([]byte, size)})
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return s.Append(dataset.AppendFileHeader(nil, class, sop, dicom.ExplicitVRLittleEndian, "TEST"), ts), studies + "/2.25.1/series/2.25.2/instances/2.25.3"
}

// openBelow tells how many files below a folder this process has open for reading alone, of those with so many bytes.
func openBelow(t *testing.T, folder string, atLeast int64) (n int) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(all) == 0 {
		t.Skip("no /proc here that tells of open files")
	}
	for _, fd := range all {
		name, err := os.Readlink(fd)
		if err != nil || !strings.HasPrefix(name, folder) {
			continue
		}
		if i, err := os.Stat(name); err == nil && i.Size() >= atLeast {
			n++
		}
	}
	return n
}

// until waits until something is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in a minute: " + what)
		}
	}
}

// A peer that asks for an image and does not read it is cut, and what was open for it is closed: in clear, over TLS, and over HTTP/2, where
// it goes on reading the connection and lets nothing of the answer through.
func TestPeersWhoReadNothing(t *testing.T) {
	const size = 32 << 20 // more than all buffers on the way
	image, path := largeImage(size)
	pki := newPKI(t)
	cert, key := pki.issue(t, "127.0.0.1")
	for name, c := range map[string]struct {
		tls  bool
		open func(t *testing.T, a *App) (io.Reader, error)
	}{
		"clear": {false, func(t *testing.T, a *App) (io.Reader, error) {
			c, err := net.Dial("tcp", a.Addresses().HTTP)
			return ask11(t, c, path), err
		}},
		"TLS": {true, func(t *testing.T, a *App) (io.Reader, error) {
			c, err := tls.Dial("tcp", a.Addresses().HTTP, pki.client(t, "").Transport.(*http.Transport).TLSClientConfig)
			return ask11(t, c, path), err
		}},
		"HTTP/2": {true, func(t *testing.T, a *App) (io.Reader, error) {
			client := pki.client(t, "")
			client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.Addresses().URL+path, nil)
			if err != nil {
				return nil, err
			}
			r.Header.Set("Accept", "application/dicom")
			resp, err := client.Do(r)
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { _ = resp.Body.Close() }) // of what was cut
			if resp.ProtoMajor != 2 {
				t.Errorf("%s", resp.Proto)
			}
			return resp.Body, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var folder string
			a := run(t, func(x *config.Config) {
				x.HTTP.Stall = config.Duration(3 * time.Second) // the image's own way here is not held up for so long
				if folder = x.Data; c.tls {
					x.HTTP.TLS = config.TLS{Cert: cert, Key: key}
				}
			})
			r, err := pki.client(t, "").Post(a.Addresses().URL+studies, "application/dicom", bytes.NewReader(image))
			if err != nil {
				t.Fatal(err)
			}
			if r.Body.Close(); r.StatusCode != http.StatusOK {
				t.Fatal(r.Status)
			}
			until(t, "the image's file is closed after it was stored", func() bool { return openBelow(t, folder, size) == 0 })
			answer, err := c.open(t, a)
			if err != nil {
				t.Fatal(err)
			}
			until(t, "the image's file is open", func() bool { return openBelow(t, folder, size) > 0 })
			until(t, "it is closed", func() bool { return openBelow(t, folder, size) == 0 })
			if n, err := io.Copy(io.Discard, answer); n >= size {
				t.Errorf("%d bytes came (%v)", n, err)
			}
		})
	}
}

// ask11 asks for an instance over HTTP/1.1; nil if there is no connection.
func ask11(t *testing.T, c net.Conn, path string) io.Reader {
	t.Helper()
	if c == nil {
		return nil
	}
	t.Cleanup(func() { _ = c.Close() }) // of what was cut
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/dicom\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return c
}

// A body that does not come is not waited for, also where nobody reads it.
func TestBodiesThatDoNotCome(t *testing.T) {
	a := run(t, func(c *config.Config) { c.HTTP.Stall = config.Duration(time.Second) })
	image, _ := largeImage(1 << 10)
	for _, c := range []struct {
		path, kind, body string
		want             string // the answer's first line
	}{
		{studies, "application/dicom", string(image[:600]), "HTTP/1.1 503 Service Unavailable\r\n"},
		{studies, `multipart/related; type="application/dicom"; boundary=b`, "--b\r\nContent-Type: application/dicom\r\n\r\n" + string(image[:600]), "HTTP/1.1 503 Service Unavailable\r\n"},
		{"/api/orders", "application/json", `{"number":`, "HTTP/1.1 400 Bad Request\r\n"},
		{"/nowhere", "text/plain", "", "HTTP/1.1 404 Not Found\r\n"},
	} {
		t.Run(c.path+" "+c.kind, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", a.Addresses().HTTP)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 10000\r\n\r\n%s", c.path, c.kind, c.body); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(answer), c.want) {
				t.Errorf("%.200q (%v)", answer, err)
			}
		})
	}
}

// The same over HTTP/2.
func TestBodiesThatDoNotComeHTTP2(t *testing.T) {
	pki := newPKI(t)
	cert, key := pki.issue(t, "127.0.0.1")
	a := run(t, func(c *config.Config) {
		c.HTTP.Stall, c.HTTP.TLS = config.Duration(time.Second), config.TLS{Cert: cert, Key: key}
	})
	image, _ := largeImage(1 << 10)
	client := pki.client(t, "")
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	body, some := io.Pipe()
	defer some.Close()
	go func() { _, _ = some.Write(image[:600]) }() // which the client takes, whatever becomes of the request
	r, err := client.Post(a.Addresses().URL+studies, "application/dicom", body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.Close(); r.ProtoMajor != 2 || r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %s", r.Proto, r.Status)
	}
}

// deadlines notes the read deadlines that are set.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

// SetReadDeadline is what http.ResponseController calls.
func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A body that stopped is not waited for again, neither by who reads on nor by net/http, which reads what is left before it answers.
func TestBodyThatStoppedIsNotWaitedForAgain(t *testing.T) {
	d := &deadlines{}
	b := &steadyBody{ReadCloser: io.NopCloser(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab")))), limit: http.NewResponseController(d), stall: time.Minute}
	b.begin()
	for i, want := range []error{nil, iotest.ErrTimeout, iotest.ErrTimeout} {
		if _, err := b.Read(make([]byte, 8)); err != want {
			t.Errorf("read %d: %v", i, err)
		}
	}
	b.begin()
	if n := len(d.set); n != 3 || d.set[2].IsZero() {
		t.Errorf("deadlines %v", d.set)
	}
}
