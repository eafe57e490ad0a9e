package hl7v2

import (
	"bytes"
	"testing"
	"unicode/utf8"
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
	if d.Escape == 0 || m.Set(path, text) != nil {
		return
	}
	if d.Repetition == 0 || d.Component == 0 || d.Subcomponent == 0 || d.Truncation != 0 {
		return // not everything can be said
	}
	if p.Segment == "MSH" || m.Charset() != Lenient {
		return // may change how the rest is read
	}
	if got := m.Get(path); got != text {
		t.Fatalf("%s was set to %q and is %q in %q", path, text, got, m.Bytes())
	}
}
