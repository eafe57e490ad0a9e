package multipart

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// FuzzMultipart: reading never panics, does not depend on how the source is cut, gives at
// most the bytes that went in, and what was read comes back when it is written again.
func FuzzMultipart(f *testing.F) {
	f.Add([]byte("--B\r\nContent-Type: application/dicom\r\n\r\nabc\r\n--B--"), "multipart/related; type=\"application/dicom\"; boundary=B")
	f.Add([]byte("x\n--B\nA: b\n c\n\nabc\r\n--B \n\n--B--"), "multipart/related;boundary=\"B\";type=a/b")
	f.Add([]byte("--B\r\nno colon\r\n\r\n1\r\n--B\r\n\r\n2\r\n--B--"), "a/b; boundary=B")
	f.Add([]byte("--B\r\n\r\n\r\n--B\t\r\n--B--"), "a/b; boundary=B")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		m, err := ParseMediaType(contentType)
		boundary := m.Get("boundary")
		if err != nil || boundary == "" {
			boundary = "B"
		}
		limits := Limits{Header: 512, Parts: 100, Preamble: 256, Part: 1 << 30}
		whole := readAll(bytes.NewReader(body), boundary, limits)
		cut := readAll(iotest.OneByteReader(bytes.NewReader(body)), boundary, limits)
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Fatalf("depends on how the source is cut:\n%s", diff)
		}
		if n := len(strings.Join(whole.Parts, "")); n > len(body)+100*len(whole.Parts) {
			t.Fatalf("%d bytes out of %d", n, len(body))
		}
		rewrite(t, body, boundary, limits)
	})
}

// rewrite writes the parts again with another boundary and compares.
func rewrite(t *testing.T, body []byte, boundary string, l Limits) {
	r, err := NewReader(bytes.NewReader(body), boundary, l)
	if err != nil {
		return
	}
	other := "halong-fuzz-8a1f0c5be2"
	var out bytes.Buffer
	var want []string
	for w := NewWriter(&out, other); ; {
		p, err := r.Next()
		if err == io.EOF {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			break
		}
		if err != nil {
			return
		}
		if err := w.Part(Field{"Content-Type", "a/b"}); err != nil {
			t.Fatal(err)
		}
		start := out.Len()
		if _, err := p.WriteTo(&out); err != nil {
			return
		}
		want = append(want, "a/b|"+string(out.Bytes()[start:]))
	}
	got := readAll(&out, other, Limits{})
	if diff := cmp.Diff(result{Parts: want}, got); diff != "" && !bytes.Contains(body, []byte(other)) {
		t.Fatalf("written again:\n%s", diff)
	}
}
