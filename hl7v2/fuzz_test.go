package hl7v2

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// FuzzMessage parses anything: never a panic, the bytes are given back, every
// value can be read, an acknowledgement parses again with the same control ID,
// and a value that is set is read back.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(sample), "PID-3[2].1", "a|b^c&d~e\\f\r\n")
	f.Add([]byte("MSH#*!/+#A#B#C*x#D###ORU*R01#1/H/#P#2.3#####AL#NE##BIG-5\nOBX#\xa5\x5c"), "OBX-5", "ü")
	f.Add([]byte("FHS|^~\\&|\rBHS|^~\\&|\rMSH|^~\\&|a\rPID|\\X00E0\\\\.br\\\\Zx\\\rBTS|1\r"), "MSH-10", "")
	f.Fuzz(func(t *testing.T, raw []byte, path, text string) {
		for _, part := range SplitBatch(raw).Messages {
			m, err := Parse(part)
			if err != nil {
				continue
			}
			if !bytes.Equal(m.Bytes(), part) {
				t.Fatal("bytes are not given back")
			}
			readAll(t, m)
			fuzzAck(t, m)
			fuzzSet(t, m, path, text)
		}
	})
}

func readAll(t *testing.T, m *Message) {
	for s := range m.Segments() {
		fields := s.Fields(nil)
		for n := 1; n < len(fields) && n < 300; n++ {
			v := s.Field(n)
			if !bytes.Equal(v.Raw(), fields.At(n).Raw()) {
				t.Fatalf("field %d read alone is %q, with the others %q", n, v.Raw(), fields.At(n).Raw())
			}
			if !utf8.ValidString(v.Text()) {
				t.Fatalf("text %q is not UTF-8", v.Text())
			}
			for _, r := range v.Repetitions() {
				r.CX()
				r.XPN().DICOM()
				r.EI()
				if c := r.CWE(); c.Code != trimmed(r.Component(1)) || c.System != trimmed(r.Component(3)) || c.Original != trimmed(r.Component(9)) {
					t.Fatalf("coded element %+v of %q", c, r.Raw())
				}
			}
			ParseTime(v.Text())
		}
	}
	m.AckMode()
}

func fuzzAck(t *testing.T, m *Message) {
	a := Ack{Code: AE, ControlID: "1", Time: at, Errors: []AckError{{Code: DataTypeError, Segment: "PID", Text: "x"}}}
	b := a.Append(nil, m)
	again, err := Parse(b)
	if err != nil {
		t.Fatalf("acknowledgement %q: %v", b, err)
	}
	if got := again.Get("MSA-1"); got != "AE" {
		t.Fatalf("MSA-1 of %q is %q", b, got)
	}
	want := rawOf(m.asReceived().Segment(0).Field(10))
	if got := rawOf(again.asReceived().First("MSA").Field(2)); !bytes.Equal(got, want) {
		t.Fatalf("MSA-2 of %q is %q, not %q", b, got, want)
	}
	if bytes.ContainsAny(b, "\x0b\x1c\n") {
		t.Fatalf("acknowledgement %q cannot be framed", b)
	}
}

func fuzzSet(t *testing.T, m *Message, path, text string) {
	p, ok := ParsePath(path)
	if !ok || p.Field > 200 || p.Repetition > 50 || p.Component > 50 || p.Subcomponent > 50 || !utf8.ValidString(text) {
		return
	}
	d := m.Delimiters()
	e, at := NewEditor(m), m.nth(p.Segment, p.Number)
	if d.Escape == 0 || !at.Exists() || e.Set(at.Index, p, text) != nil {
		return
	}
	if d.Repetition == 0 || d.Component == 0 || d.Subcomponent == 0 || d.Truncation != 0 {
		return // not everything can be said
	}
	if p.Segment == "MSH" || m.Charset() != Lenient {
		return // may change how the rest is read
	}
	b, err := e.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) // a line end is written as \.br\
	if got := again.Get(path); got != want {
		t.Fatalf("%s was set to %q and is %q in %q", path, want, got, b)
	}
}

// FuzzBuilder copies messages into a builder: every value is the same afterwards.
func FuzzBuilder(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("MSH|^~\\&|a\rPID|\\X00E0\\\\.br\\\\Zx\\|a~b^c&d^~\rOBX|||\"\"|"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if err != nil || m.Len() < 2 || len(raw) > 4<<10 {
			return
		}
		b := NewBuilder(Header{Type: [3]string{"ADT", "A08"}, ControlID: "1"})
		for i := 1; i < m.Len(); i++ {
			b.Copy(m.Segment(i))
		}
		again, err := b.Message(Standard, Lenient)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < m.Len(); i++ {
			if m.Segment(i).isHeader() || again.Segment(i).Name() != m.Segment(i).Name() {
				return // a second MSH is no segment with fields like others
			}
			for n, v := range m.Segment(i).Fields(nil)[1:] {
				same(t, v, again.Segment(i).Field(n+1))
			}
		}
	})
}

// same compares the deepest parts, by what they say. Escape sequences that say nothing (highlighting) and line ends
// are written otherwise.
func same(t *testing.T, v, w Value) {
	t.Helper()
	if v.level < levelSubcomponent && v.Count() > 1 {
		for i := 1; i <= v.Count(); i++ {
			switch v.level {
			case levelField:
				same(t, v.Repetition(i), w.Repetition(i))
			case levelRepetition:
				same(t, v.Component(i), w.Component(i))
			default:
				same(t, v.Sub(i), w.Sub(i))
			}
		}
		return
	}
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n")
	if want, got := lines.Replace(v.Sub(1).Text()), lines.Replace(w.Sub(1).Text()); want != got {
		t.Fatalf("%q became %q", v.Raw(), w.Raw())
	}
}

// FuzzCharset: what a set of our own decodes and can write again is the same afterwards.
func FuzzCharset(f *testing.F) {
	f.Add([]byte("NGUYEÃN"), "Nguyễn Văn Đức")
	f.Add([]byte{0x41, 0xb3, 0xe2, 0xec, 0xff, 0x80}, "aï")
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		for _, name := range []string{"CP1258", "TCVN3", "VNI"} {
			c, _ := LookupCharset(name)
			for _, s := range []string{c.Decode(raw), text} {
				if !utf8.ValidString(s) {
					continue
				}
				b, err := c.Encode(s)
				if err != nil {
					continue
				}
				if got := c.Decode(b); got != norm.NFC.String(s) {
					t.Fatalf("%s: %q came back as %q", name, s, got)
				}
			}
		}
	})
}
