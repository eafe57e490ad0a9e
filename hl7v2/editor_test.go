package hl7v2

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func place(t *testing.T, s string) Path {
	t.Helper()
	p, ok := ParsePath(s)
	if !ok {
		t.Fatal(s)
	}
	return p
}

func TestEditor(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&|A\rPID|1||7^^^X~8\rOBX|1|NM|GLU^Glucose|\rNTE|1\r"))
	if err != nil {
		t.Fatal(err)
	}
	e := NewEditor(m)
	for _, x := range []struct {
		segment     int
		path, value string
	}{
		{0, "MSH-5", "LIS"},
		{1, "PID-3[2].4.2", "1.2&3"},
		{1, "PID-5.1", "Nguyễn|A"},
		{2, "OBX-3.4", "718-7"},
		{2, "OBX-5", "a\nb"},
	} {
		if err := e.Set(x.segment, place(t, x.path), x.value); err != nil {
			t.Fatal(x.path, err)
		}
	}
	if err := e.Delete(3); err != nil {
		t.Fatal(err)
	}
	if err := e.Insert(2, "ZDS"); err != nil {
		t.Fatal(err)
	}
	got, err := e.Encode(nil)
	want := "MSH|^~\\&|A||LIS\rPID|1||7^^^X~8^^^&1.2\\T\\3||Nguyễn\\F\\A\rZDS\rOBX|1|NM|GLU^Glucose^^718-7||a\\.br\\b\r"
	if d := cmp.Diff(want, string(got)); d != "" || err != nil {
		t.Error(d, err)
	}
	if got := e.Segment(1).Field(3).Repetition(2).Component(4).Sub(2).Text(); got != "1.2&3" {
		t.Error(got)
	}
	for _, bad := range []error{
		e.Set(9, place(t, "PID-1"), ""), e.Set(0, place(t, "MSH-2"), "x"), e.SetRaw(1, place(t, "PID-1"), []byte("a\rb")),
		e.Insert(0, "PID"), e.Insert(1, "P"), e.Delete(0), e.Delete(9),
	} {
		if bad == nil {
			t.Error("nothing was refused")
		}
	}
}

func TestEditorCharsets(t *testing.T) {
	latin := "MSH|^~\\&|A|||||||||||||||8859/1\rPID|1||7||M\xfcller\\XE9\\\\X0D\\\r"
	for _, x := range []struct{ name, in, to, want string }{
		{"unchanged", latin, "", latin},
		{"into UTF-8", latin, "UNICODE UTF-8", "MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1||7||Mülleré\\X0D\\\r"},
		{
			"from a set whose bytes look like delimiters", "MSH|^~\\&|A|||||||||||||||SHIFT_JIS\rPID|1||7||\x83\x5c\r", "UNICODE UTF-8",
			"MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\rPID|1||7||ソ\r",
		},
		{"and unchanged", "MSH|^~\\&|A|||||||||||||||SHIFT_JIS\rPID|1||7||\x83\x5c\r", "", "MSH|^~\\&|A|||||||||||||||SHIFT_JIS\rPID|1||7||\x83\x5c\r"},
	} {
		m, err := Parse([]byte(x.in))
		if err != nil {
			t.Fatal(x.name, err)
		}
		var c *Charset
		if x.to != "" {
			c, _ = LookupCharset(x.to)
		}
		got, err := NewEditor(m).Encode(c)
		if d := cmp.Diff(x.want, string(got)); d != "" || err != nil {
			t.Error(x.name, d, err)
		}
	}
	m, _ := Parse([]byte("MSH|^~\\&|A\rPID|1||7||ễ\r"))
	c, _ := LookupCharset("8859/1")
	if _, err := NewEditor(m).Encode(c); err == nil {
		t.Error("a character that the set lacks was written")
	}
}

// What is changed in a message of many segments is only ever its segment.
func TestEditorManySegments(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&|A\r" + strings.Repeat("OBX|1|ST|A||x\r", 20000)))
	if err != nil {
		t.Fatal(err)
	}
	e := NewEditor(m)
	for i := 1; i < e.Len(); i++ {
		if err := e.Set(i, Path{Field: 3, Repetition: 1, Component: 1}, "B"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := e.Encode(nil)
	if err != nil || strings.Count(string(got), "|ST|B||") != 20000 {
		t.Error(err, len(got))
	}
}
