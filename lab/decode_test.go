package lab

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// contentOf gives the decoded data of the first attachment of an OBX-5.
func contentOf(t testing.TB, typ, value string) ([]byte, *Attachment, error) {
	t.Helper()
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|A|||||||ORU^R01\rPID|1||7\rOBR|1\rOBX|1|" + typ + "|C||" + value + "||||||F\r"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range Read(m) {
		for a, c := range g.All() {
			b, err := io.ReadAll(c.Reader())
			a.MediaType = c.media(a)
			return b, a, err
		}
	}
	return nil, nil, errors.New("no content")
}

func TestContents(t *testing.T) {
	pdf := "%PDF-1.4\n" + strings.Repeat("page ", 30)
	b64 := base64.StdEncoding.EncodeToString([]byte(pdf))
	for name, c := range map[string]struct{ typ, in, want, media string }{
		"base64":                   {"ED", "LAB^application^pdf^Base64^" + b64, pdf, "application/pdf"},
		"lower case":               {"ED", "^AP^PDF^base64^" + b64, pdf, "application/pdf"},
		"no encoding":              {"ED", "^AP^^^" + b64, pdf, "application/pdf"},
		"alone in the component":   {"ED", b64, pdf, "application/pdf"},
		"in the encoding":          {"ED", "^AP^PDF^" + b64, pdf, "application/pdf"},
		"in a text":                {"TX", b64, pdf, "application/pdf"},
		"line breaks as escapes":   {"ED", "^AP^PDF^Base64^" + b64[:40] + `\.br\` + b64[40:60] + `\X0D0A\` + b64[60:], pdf, "application/pdf"},
		"lines":                    {"ED", "^AP^PDF^Base64^" + b64[:40] + "\r\n" + b64[40:], pdf, "application/pdf"},
		"no padding":               {"ED", "^TEXT^plain^Base64^aGk", "hi", "text/plain"},
		"pieces":                   {"ED", "^TEXT^plain^Base64^aGk=eW91", "hiyou", "text/plain"},
		"URL alphabet":             {"ED", "^^^Base64^-_-_", "\xfb\xff\xbf", "application/octet-stream"},
		"hex":                      {"ED", "^IM^JPEG^Hex^FFD8FFe0 00", "\xff\xd8\xff\xe0\x00", "image/jpeg"},
		"text":                     {"ED", "^TEXT^^A^a \\T\\ b\\.br\\c", "a & b\nc", "text/plain"},
		"XML":                      {"ED", "^text^xml^A^<a/>", "<a/>", "application/xml"},
		"not what it says":         {"ED", "^AP^PDF^Base64^" + base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n....")), "\x89PNG\r\n\x1a\n....", "image/png"},
		"MIME type in the subtype": {"ED", "^^application/vnd.x^Base64^aGk=", "hi", "application/vnd.x"},
		"DICOM":                    {"ED", "^IM^DICOM^Base64^" + base64.StdEncoding.EncodeToString(append(make([]byte, 128), "DICM"...)), string(make([]byte, 128)) + "DICM", "application/dicom"},
		"RTF":                      {"ED", "^FT^RTF^A^{\\E\\rtf1}", `{\rtf1}`, "application/rtf"},
	} {
		t.Run(name, func(t *testing.T) {
			b, a, err := contentOf(t, c.typ, c.in)
			if err != nil || string(b) != c.want || a.MediaType != c.media {
				t.Errorf("%q %v, %v: %s", b, a, err, cmp.Diff(c.want, string(b)))
			}
		})
	}
	for _, in := range []string{"^AP^PDF^Base64^JVB!", "^AP^PDF^Base64^J", "^AP^PDF^Base64^JVB\\Zx\\", "^AP^PDF^Hex^4", "^AP^PDF^Hex^4g"} {
		if b, _, err := contentOf(t, "ED", in); err == nil {
			t.Errorf("%q is %q", in, b)
		}
	}
}

// FuzzBase64 decodes what the standard library encodes, whatever pieces it is read in, and never gives more than three
// quarters of what it is given.
func FuzzBase64(f *testing.F) {
	f.Add([]byte("hello"), uint8(3))
	f.Add([]byte{}, uint8(1))
	f.Add([]byte("JVBERi0=\\.br\\aGk"), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, every uint8) {
		enc := base64.StdEncoding.EncodeToString(b)
		if every > 0 {
			var lines strings.Builder
			for i, c := range enc {
				if i > 0 && i%int(every) == 0 {
					lines.WriteString("\r\n \\.br\\")
				}
				lines.WriteRune(c)
			}
			enc = lines.String()
		}
		for _, r := range []io.Reader{
			&base64Reader{in: []byte(enc), escape: '\\'}, iotest.OneByteReader(&base64Reader{in: []byte(enc), escape: '\\'}),
			iotest.HalfReader(&base64Reader{in: []byte(enc), escape: '\\'}),
		} {
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, b) {
				t.Fatalf("%q is %q, %v", enc, got, err)
			}
		}
		if got, err := io.ReadAll(&hexReader{in: []byte(hex.EncodeToString(b))}); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%x is %x, %v", b, got, err)
		}
		for _, r := range []io.Reader{&base64Reader{in: b, escape: '\\'}, &hexReader{in: b, escape: '\\'}} {
			if got, _ := io.ReadAll(r); len(got) > len(b)*3/4+3 {
				t.Fatalf("%d bytes of %d", len(got), len(b))
			}
		}
	})
}

// BenchmarkContent decodes 20 MB: linear time, and no memory but the buffer of the copy.
func BenchmarkContent(b *testing.B) {
	in := []byte(base64.StdEncoding.EncodeToString(make([]byte, 20<<20)))
	b.SetBytes(20 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, &base64Reader{in: in, escape: '\\'}); err != nil {
			b.Fatal(err)
		}
	}
}
