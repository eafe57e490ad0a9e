package mllp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// frames reads a whole stream and writes its frames as "kind:bytes", with the
// total if bytes were cut.
func frames(src io.Reader, l Limits) (all []string, err error) {
	r := NewReader(src, l)
	for {
		f, err := r.Next()
		if err != nil {
			return all, err
		}
		s := fmt.Sprintf("%s:%s", [...]string{"M", "J", "T", "O"}[f.Kind], f.Bytes)
		if f.Total != int64(len(f.Bytes)) {
			s += fmt.Sprintf("(%d)", f.Total)
		}
		all = append(all, s)
	}
}

// TestForeign: a stream that begins as one of another protocol does is ended there, however it comes; one that begins with a text that only looks
// so is not, nor one of which more has come before.
func TestForeign(t *testing.T) {
	const http = "GET /hl7 HTTP/1.1\r\n"
	block := vt + "a" + fs + "\r"
	for in, want := range map[string][]string{
		http:                           nil,
		"\r\n" + http + "Host: x\r\n":  nil,
		"DELETE /x HTTP/1.1\r\n":       nil,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n": nil,
		"\x16\x03\x01\x00\x10\x01":     nil,
		"\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00HALONG": nil,
		"HEAD OFFICE\r\n" + block:                        {"J:HEAD OFFICE\r\n", "M:a"},
		"POST 7 READY" + block:                           {"J:POST 7 READY", "M:a"},
		"\x16\x03ready" + block:                          {"J:\x16\x03ready", "M:a"},
		"\x01\x00\x00\x00\x00\x00\x00\x00\x00" + block:   {"J:\x01\x00\x00\x00\x00\x00\x00\x00\x00", "M:a"},
		"\x16" + block:                                   {"J:\x16", "M:a"},
		block + http:                                     {"M:a", "J:" + http},
		strings.Repeat("x", 40) + http + block:           {"J:" + strings.Repeat("x", 40), "J:" + http, "M:a"},
	} {
		got, err := frames(iotest.OneByteReader(strings.NewReader(in)), Limits{MaxMessage: 40, EndForeign: true})
		if want == nil && err == errForeign && len(got) == 1 && strings.HasPrefix("J:"+strings.TrimLeft(in, "\r\n"), got[0]) {
			continue
		}
		if d := cmp.Diff(want, got); err != io.EOF || d != "" {
			t.Errorf("%q: %v, %s", in, err, d)
		}
	}
}

const vt, fs = "\x0b", "\x1c"

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 100)
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"nothing":                  {"", nil},
		"one":                      {vt + "a" + fs + "\r", []string{"M:a"}},
		"empty":                    {vt + fs + "\r", []string{"M:"}},
		"several":                  {vt + "a\r" + fs + "\r" + vt + "b" + fs + "\r" + vt + "c" + fs + "\r", []string{"M:a\r", "M:b", "M:c"}},
		"no CR":                    {vt + "a" + fs + vt + "b" + fs, []string{"M:a", "M:b"}},
		"NULs between":             {vt + "a" + fs + "\r\x00\x00\x00" + vt + "b" + fs + "\r\x00", []string{"M:a", "M:b"}}, // connect#249
		"line ends between":        {"\r\n" + vt + "a" + fs + "\r\n\r\n " + vt + "b" + fs + "\n", []string{"M:a", "M:b"}},
		"junk before":              {"junk" + vt + "a" + fs + "\r", []string{"J:junk", "M:a"}},
		"junk between":             {vt + "a" + fs + "\rjunk \r" + vt + "b" + fs + "\r", []string{"M:a", "J:junk \r", "M:b"}},
		"junk after":               {vt + "a" + fs + "\rMSH|", []string{"M:a", "J:MSH|"}},
		"never framed":             {"MSH|^~\\&|A\rPID|\r", []string{"J:MSH|^~\\&|A\rPID|\r"}},
		"cut off":                  {vt + "MSH|half", []string{"T:MSH|half"}},
		"cut off at once":          {vt, []string{"T:"}},
		"begun again":              {vt + "MSH|half" + vt + "MSH|whole" + fs + "\r", []string{"T:MSH|half", "M:MSH|whole"}},
		"VT twice":                 {vt + vt + "MSH|a" + fs + "\r", []string{"M:MSH|a"}},
		"VT in text":               {vt + "MSH|a" + vt + "b" + fs + "\r", []string{"M:MSH|a" + vt + "b"}},
		"FS twice":                 {vt + "a" + fs + fs + "\r" + vt + "b" + fs + "\r", []string{"M:a", "M:b"}},
		"as large as allowed":      {vt + long[:40] + fs + "\r", []string{"M:" + long[:40]}},
		"too large":                {vt + long[:41] + fs + "\r" + vt + "b" + fs + "\r", []string{"O:" + long[:40] + "(41)", "M:b"}},
		"much too large":           {vt + long + long + fs + "\r" + vt + "b" + fs + "\r", []string{"O:" + long[:40] + "(200)", "M:b"}},
		"too large and cut off":    {vt + long, []string{"O:" + long[:40] + "(100)"}},
		"endless junk is let pass": {long, []string{"J:" + long}},
	} {
		for how, src := range map[string]io.Reader{
			"whole": strings.NewReader(c.in), "by bytes": iotest.OneByteReader(strings.NewReader(c.in)), "by halves": iotest.HalfReader(strings.NewReader(c.in)),
			"error with data": iotest.DataErrReader(strings.NewReader(c.in)),
		} {
			if name == "endless junk is let pass" && how != "whole" {
				continue // divided where the reads end
			}
			got, err := frames(src, Limits{MaxMessage: 40})
			if err != io.EOF {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s, %s: %s", name, how, d)
			}
		}
	}
}

// TestReaderFails gives what came before the failure, then the failure.
func TestReaderFails(t *testing.T) {
	broken := errors.New("broken")
	got, err := frames(io.MultiReader(strings.NewReader(vt+"a"+fs+"\r"+vt+"b"), iotest.ErrReader(broken)), Limits{MaxMessage: 40})
	if d := cmp.Diff([]string{"M:a", "T:b"}, got); d != "" || err != broken {
		t.Error(d, err)
	}
}

// TestReaderMemory passes over a block of 64 MiB with a limit of 1 MiB, and gives
// the place for large messages back.
func TestReaderMemory(t *testing.T) {
	taken, given := 0, 0
	block := bytes.Repeat([]byte("x"), 1<<20)
	src := []io.Reader{strings.NewReader(vt)}
	for range 64 {
		src = append(src, bytes.NewReader(block))
	}
	src = append(src, strings.NewReader(fs+"\r"+vt+"b"+fs))
	r := NewReader(io.MultiReader(src...), Limits{MaxMessage: 1 << 20, Large: func() (func(), error) {
		taken++
		return func() { given++ }, nil
	}})
	f, err := r.Next()
	if err != nil || f.Kind != Oversized || f.Total != 64<<20 || len(f.Bytes) != 1<<20 || cap(r.buf) > 1<<20+spare {
		t.Errorf("%v, %d of %d bytes, buffer of %d; %v", f.Kind, len(f.Bytes), f.Total, cap(r.buf), err)
	}
	if f, err := r.Next(); err != nil || string(f.Bytes) != "b" || taken != 1 || given != 1 {
		t.Errorf("%q %v, taken %d, given back %d", f.Bytes, err, taken, given)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
}

func TestAppend(t *testing.T) {
	if got := string(Append([]byte("x"), []byte("a\r"))); got != "x"+vt+"a\r"+fs+"\r" {
		t.Errorf("%q", got)
	}
}

// FuzzMLLP reads any stream in pieces of several sizes: the frames are the same, no byte but
// padding and block characters is lost, and messages framed again read the same.
func FuzzMLLP(f *testing.F) {
	for _, s := range []string{vt + "MSH|a" + fs + "\r", "junk" + vt + "a" + fs + vt + "b", vt + "MSH" + vt + "MSH|" + fs + "\r\x00" + vt, "MSH|^~\\&|\r"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		const max = 64
		whole, _ := frames(bytes.NewReader(in), Limits{MaxMessage: max})
		pieces, err := frames(&chunks{in, int(piece)%17 + 1}, Limits{MaxMessage: max})
		if err != io.EOF {
			t.Fatal(err)
		}
		if len(in) < max { // longer junk is divided where the reads end
			if d := cmp.Diff(whole, pieces); d != "" {
				t.Fatal(d)
			}
		}
		r, kept := NewReader(bytes.NewReader(in), Limits{MaxMessage: max}), int64(0)
		for {
			fr, err := r.Next()
			if err != nil {
				break
			}
			kept += fr.Total
			if fr.Kind != Message {
				continue
			}
			again, _ := frames(bytes.NewReader(Append(nil, fr.Bytes)), Limits{MaxMessage: max})
			if want := []string{"M:" + string(fr.Bytes)}; !cmp.Equal(again, want) {
				t.Fatal(cmp.Diff(want, again))
			}
		}
		padding := int64(len(bytes.Map(func(r rune) rune {
			if r < 0x80 && (isPadding(byte(r)) || r == startBlock) {
				return r
			}
			return -1
		}, asLatin1(in))))
		if kept > int64(len(in)) || kept < int64(len(in))-padding {
			t.Fatalf("%d of %d bytes, %d of them padding", kept, len(in), padding)
		}
	})
}

// asLatin1 makes every byte a character.
func asLatin1(b []byte) []byte {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return []byte(string(r))
}

// chunks gives at most n bytes a read.
type chunks struct {
	b []byte
	n int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(c.n, len(c.b))])
	c.b = c.b[n:]
	return n, nil
}
