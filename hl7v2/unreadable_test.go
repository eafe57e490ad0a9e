package hl7v2

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUnreadable: bytes that the character set of a message does not have are told of, by segment, field and offset.
func TestUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		peer, msh18, rest string
		want              []string
	}{
		"ASCII":                  {"TCVN3", "", "\rPID|1||7", nil},
		"nothing said":           {"", "", "\rPID|1||\xe9", nil},
		"UTF-8":                  {"", "UNICODE UTF-8", "\rPID|1||ế", nil},
		"said to be UTF-8":       {"", "UNICODE UTF-8", "\rPID|1||a^\xe9~b|x\rOBX|\xe9", []string{"PID[1]-3 20", "OBX[1]-1 30"}},
		"the peer's is UTF-8":    {"UTF-8", "8859/1", "\rPID|1||\xe9", []string{"PID[1]-3 18"}},
		"Latin-1":                {"", "8859/1", "\rPID|1||\xe9\x80", nil},
		"Greek, not assigned":    {"", "8859/7", "\rNTE|1\rNTE|\xe1\xff\xff|\xae", []string{"NTE[2]-1 22", "NTE[2]-2 25"}},
		"TCVN3":                  {"TCVN3", "8859/1", "\rPID|1||Nguy\xd4n \xa8", nil},
		"VNI":                    {"VNI", "", "\rPID|1||NGUYE\xc3N \xb5 \xf1a\xef", nil},
		"VNI, a mark alone":      {"VNI", "", "\rPID|1||t\xe3", []string{"PID[1]-3 19"}},
		"Shift-JIS, half of one": {"SHIFT_JIS", "", "\rPID|1||\x83\x41|\x83", []string{"PID[1]-4 22"}},
		"in the header":          {"8859/7", "", "|\xff\rPID|1", []string{"MSH[1]-4 11"}},
	} {
		t.Run(name, func(t *testing.T) {
			head := "MSH|^~\\&|A"
			if c.msh18 != "" {
				head += "|||||||||||||||" + c.msh18
			}
			var options []Option
			if c.peer != "" {
				set, ok := LookupCharset(c.peer)
				if !ok {
					t.Fatal("no such set")
				}
				options = append(options, WithCharset(set))
			}
			m, err := Parse([]byte(head+c.rest), options...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range m.Unreadable() {
				at := e.Offset
				if c.msh18 != "" {
					at -= len(head) - len("MSH|^~\\&|A")
				}
				got = append(got, fmt.Sprintf("%s[%d]-%d %d", e.Segment, e.Number, e.Field, at))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestEncodeNamesThePlace: a character that another set lacks is named by its place, and what could not be read is not passed off as something.
func TestEncodeNamesThePlace(t *testing.T) {
	tcvn3, _ := LookupCharset("TCVN3")
	for name, c := range map[string]struct {
		in, peer, to string
		want         SyntaxError
	}{
		"lacks":      {"MSH|^~\\&|A\rOBX|1|TX|c||Việt\rOBX|2|TX|c||Việt 漢", "", "TCVN3", SyntaxError{"OBX", 2, 5, 12, "a character that TCVN3 lacks"}},
		"header":     {"MSH|^~\\&|A|漢", "", "8859/1", SyntaxError{"MSH", 1, 4, 11, "a character that 8859/1 lacks"}},
		"unreadable": {"MSH|^~\\&|A\rOBX|1|TX|c||\xff", "8859/7", "UTF-8", SyntaxError{"OBX", 1, 5, 23, "bytes that are no character of 8859/7"}},
	} {
		var options []Option
		if set, ok := LookupCharset(c.peer); ok && c.peer != "" {
			options = append(options, WithCharset(set))
		}
		m, err := Parse([]byte(c.in), options...)
		if err != nil {
			t.Fatal(err)
		}
		to, _ := LookupCharset(c.to)
		_, err = NewEditor(m).Encode(to)
		var e *SyntaxError
		if !errors.As(err, &e) || *e != c.want {
			t.Errorf("%s: %v, not %v", name, err, &c.want)
		}
	}
	m, err := Parse([]byte("MSH|^~\\&|A\rPID|1||Nguy\u1ec5n"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := NewEditor(m).Encode(tcvn3); err != nil || tcvn3.Decode(b[len(b)-7:len(b)-1]) != "Nguyễn" {
		t.Errorf("%q %v", b, err)
	}
}

// TestWideEscapes: \X00E9\ is é also in a character set that has none.
func TestWideEscapes(t *testing.T) {
	for _, set := range []string{"8859/5", "TCVN3", "8859/1", "UTF-8", "SHIFT_JIS"} {
		m, err := Parse([]byte(`MSH|^~\&|caf\X00E9\ \X000D\x||||||||||||||` + "|" + set))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Get("MSH-3"); got != "café \rx" {
			t.Errorf("%s: %q", set, got)
		}
	}
}
