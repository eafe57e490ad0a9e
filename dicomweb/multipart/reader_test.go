package multipart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	stdmultipart "mime/multipart"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// result is what a body came to: parts as "header|body", and how it ended.
type result struct {
	Parts []string
	Err   string
}

func readAll(body io.Reader, boundary string, l Limits) (res result) {
	r, err := NewReader(body, boundary, l)
	if err != nil {
		return result{Err: err.Error()}
	}
	for {
		p, err := r.Next()
		if err == io.EOF {
			return res
		}
		var bad *HeaderError
		if errors.As(err, &bad) {
			res.Parts = append(res.Parts, "bad header: "+bad.Reason)
			continue
		}
		if err != nil {
			res.Err = err.Error()
			return res
		}
		b, err := io.ReadAll(p)
		text := p.Header.Get("content-type") + "|" + string(b)
		if err != nil {
			text += "|" + err.Error()
		}
		res.Parts = append(res.Parts, text)
	}
}

func TestReader(t *testing.T) {
	crlf := func(lines ...string) string { return strings.Join(lines, "\r\n") }
	for _, tc := range []struct {
		name, body, boundary string
		limits               Limits
		want                 result
	}{
		{
			name: "one part", boundary: "B", body: crlf("--B", "Content-Type: application/dicom", "", "abc", "--B--", ""),
			want: result{Parts: []string{"application/dicom|abc"}},
		},
		{
			name: "W2 no CRLF before the first boundary, none after the last", boundary: "B", body: crlf("--B", "A: b", "", "abc", "--B--"),
			want: result{Parts: []string{"|abc"}},
		},
		{
			name: "W2 CRLF before the first boundary", boundary: "B", body: crlf("", "--B", "A: b", "", "abc", "--B--"),
			want: result{Parts: []string{"|abc"}},
		},
		{
			name: "W2 preamble and epilogue", boundary: "B", body: crlf("This is MIME", "--Bx", "--B", "", "1", "--B", "", "2", "--B--", "epilogue", "--B", "", "3"),
			want: result{Parts: []string{"|1", "|2"}},
		},
		{
			name: "W2 LF only, body ends with CR", boundary: "B", body: "--B\nContent-Type: x/y\n\nabc\r\n--B\n\nd\n--B--\n",
			want: result{Parts: []string{"x/y|abc\r", "|d"}},
		},
		{
			name: "W2 CRLF, body ends with LF and CR", boundary: "B", body: "--B\r\n\r\nabc\n\r\r\n--B--",
			want: result{Parts: []string{"|abc\n\r"}},
		},
		{
			name: "W2 folded header in odd case", boundary: "B", body: crlf("--B", "cOnTeNt-TyPe:application/dicom;", "\ttransfer-syntax=1.2", "X: y", "", "1", "--B--"),
			want: result{Parts: []string{"application/dicom; transfer-syntax=1.2|1"}},
		},
		{
			name: "white space after the boundary", boundary: "B", body: "--B \t\r\n\r\n1\r\n--B  \r\n\r\n2\r\n--B--  \r\n",
			want: result{Parts: []string{"|1", "|2"}},
		},
		{
			name: "boundary is the beginning of a line of the body", boundary: "B", body: crlf("--B", "", "x", "--Bar", "--B-", "--B -", "--B--"),
			want: result{Parts: []string{"|x\r\n--Bar\r\n--B-\r\n--B -"}},
		},
		{
			name: "empty bodies", boundary: "B", body: crlf("--B", "A: 1", "", "--B", "A: 2", "--B", "", "", "--B--"),
			want: result{Parts: []string{"|", "|", "|"}},
		},
		{name: "no parts", boundary: "B", body: "--B--", want: result{}},
		{
			name: "boundary with spaces and punctuation", boundary: "a b:'()+_,-./=?", body: crlf("--a b:'()+_,-./=?", "", "1", "--a b:'()+_,-./=?--"),
			want: result{Parts: []string{"|1"}},
		},
		{
			name: "truncated body", boundary: "B", body: crlf("--B", "", "1", "--B", "", "23"),
			want: result{Parts: []string{"|1", "|23|" + ErrTruncated.Error()}, Err: ErrTruncated.Error()},
		},
		{
			name: "truncated delimiter is body", boundary: "B", body: crlf("--B", "", "1", "--B"),
			want: result{Parts: []string{"|1\r\n--B|" + ErrTruncated.Error()}, Err: ErrTruncated.Error()},
		},
		{name: "truncated header", boundary: "B", body: crlf("--B", "A: b"), want: result{Err: ErrTruncated.Error()}},
		{name: "empty", boundary: "B", body: "", want: result{Err: ErrNoPart.Error()}},
		{name: "other boundary", boundary: "B", body: crlf("--C", "", "1", "--C--"), want: result{Err: ErrNoPart.Error()}},
		{name: "no boundary", body: "--", want: result{Err: ErrBoundary.Error()}},
		{
			name: "W23 bad header spoils no neighbour", boundary: "B", body: crlf("--B", "", "1", "--B", "no colon", "", "2", "--B", "", "3", "--B--"),
			want: result{Parts: []string{"|1", "bad header: a line is no header field", "|3"}},
		},
		{
			name: "header too large", boundary: "B", body: crlf("--B", "A: "+strings.Repeat("x", 200), "B: c", "", "2", "--B", "", "3", "--B--"), limits: Limits{Header: 100},
			want: result{Parts: []string{"bad header: too large", "|3"}},
		},
		{
			name: "header line without end", boundary: "B", body: "--B\r\n" + strings.Repeat("x", 70_000) + "\r\n--B\r\n\r\n3\r\n--B--",
			want: result{Parts: []string{"bad header: too large", "|3"}},
		},
		{
			name: "too many parts", boundary: "B", body: crlf("--B", "", "1", "--B", "", "2", "--B--"), limits: Limits{Parts: 1},
			want: result{Parts: []string{"|1"}, Err: ErrParts.Error()},
		},
		{
			name: "part too large spoils no neighbour", boundary: "B", body: crlf("--B", "", "12345", "--B", "", "3", "--B--"), limits: Limits{Part: 4},
			want: result{Parts: []string{"||" + ErrPartSize.Error(), "|3"}},
		},
		{
			name: "endless preamble", boundary: "B", body: strings.Repeat("x", 1000) + "\r\n--B\r\n\r\n1\r\n--B--", limits: Limits{Preamble: 100},
			want: result{Err: ErrNoPart.Error()},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(tc.body), "bytewise": iotest.OneByteReader(strings.NewReader(tc.body)),
				"data with error": iotest.DataErrReader(strings.NewReader(tc.body)),
			} {
				got := readAll(r, tc.boundary, tc.limits)
				for i, p := range got.Parts { // how much came before ErrPartSize depends on the source
					if j := strings.Index(p, "|"+ErrPartSize.Error()); j >= 0 {
						got.Parts[i] = "|" + p[j:]
					}
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

func TestSkippingParts(t *testing.T) {
	r, err := NewReader(strings.NewReader("--B\r\n\r\nxxxxx\r\n--B\r\n\r\nyes\r\n--B--"), "B", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	p, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(p); string(b) != "yes" {
		t.Errorf("second part is %q", b)
	}
}

func TestSourceError(t *testing.T) {
	broken := errors.New("connection reset")
	got := readAll(io.MultiReader(strings.NewReader("--B\r\n\r\nab"), iotest.ErrReader(broken)), "B", Limits{})
	want := result{Parts: []string{"|ab|connection reset"}, Err: "connection reset"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever the bodies hold and however the source is cut, they come back.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		boundary := rapid.StringMatching(`[a-z]{1,3}`).Draw(t, "boundary")
		piece := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.SampledFrom([][]byte{
			[]byte("\r"), []byte("\n"), []byte("\r\n--"), []byte("--"), []byte("\r\n--" + boundary + "x"), make([]byte, bufferSize-7),
		}))
		bodies := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []byte {
			return bytes.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "pieces"), nil)
		}), 0, 4).Draw(t, "bodies")
		var out bytes.Buffer
		w := NewWriter(&out, boundary)
		for _, b := range bodies {
			if bytes.Contains(append([]byte("\n"), b...), []byte("\n--"+boundary)) && occurs(b, boundary) {
				t.Skip("boundary occurs in a body")
			}
			if err := w.Part(Field{"Content-Type", "a/b"}); err != nil {
				t.Fatal(err)
			}
			out.Write(b)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := result{}
		for _, b := range bodies {
			want.Parts = append(want.Parts, "a/b|"+string(b))
		}
		if diff := cmp.Diff(want, readAll(iotest.HalfReader(&out), boundary, Limits{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

// occurs tells whether a whole delimiter stands in b.
func occurs(b []byte, boundary string) bool {
	for rest := append([]byte("\n"), append(b, "\r\n--"+boundary...)...); ; rest = rest[1:] {
		i := bytes.Index(rest, []byte("\n--"+boundary))
		if i < 0 || i >= len(rest)-len(boundary)-3 {
			return false
		}
		if _, kind := classify(rest[i:], []byte("\n--"+boundary)); kind != delimNone {
			return true
		}
		rest = rest[i:]
	}
}

// The standard library reads what the writer wrote.
func TestWriterAgainstStandardLibrary(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, "halong-1")
	for i := range 3 {
		if err := w.Part(Field{"Content-Type", "application/dicom; transfer-syntax=1.2"}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "body %d", i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := stdmultipart.NewReader(&out, "halong-1")
	for i := range 3 {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(p); string(b) != fmt.Sprintf("body %d", i) || p.Header.Get("Content-Type") != "application/dicom; transfer-syntax=1.2" {
			t.Errorf("part %d: %q %v", i, b, p.Header)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Errorf("end: %v", err)
	}
}

// Many false beginnings of a delimiter must not make the reader slow.
func BenchmarkHostileBody(b *testing.B) {
	body := []byte("--BBBBBBBBBB\r\n\r\n" + strings.Repeat("\r\n--BBBBBBBBBB"+strings.Repeat(" ", 120), 80_000) + "\r\n--BBBBBBBBBB--")
	benchmarkBody(b, body, "BBBBBBBBBB")
}

func BenchmarkLargePart(b *testing.B) {
	body := append(append([]byte("--BBBBBBBBBB\r\n\r\n"), make([]byte, 10<<20)...), "\r\n--BBBBBBBBBB--"...)
	benchmarkBody(b, body, "BBBBBBBBBB")
}

func BenchmarkLargePartStandardLibrary(b *testing.B) {
	body := append(append([]byte("--BBBBBBBBBB\r\n\r\n"), make([]byte, 10<<20)...), "\r\n--BBBBBBBBBB--"...)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		p, err := stdmultipart.NewReader(bytes.NewReader(body), "BBBBBBBBBB").NextPart()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, p); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkBody(b *testing.B, body []byte, boundary string) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(body), boundary, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		for {
			p, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	}
}
