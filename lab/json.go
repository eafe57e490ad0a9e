package lab

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// writer appends JSON.
type writer struct{ b []byte }

// comma goes before everything but the first of an object or array.
func comma(b []byte) []byte {
	if c := b[len(b)-1]; c != '{' && c != '[' {
		b = append(b, ',')
	}
	return b
}

// name writes a member's name; names need no escapes.
func (w *writer) name(s string) {
	b := append(comma(w.b), '"')
	b = append(b, s...)
	w.b = append(b, '"', ':')
}

func (w *writer) open(name string, c byte) {
	w.name(name)
	w.b = append(w.b, c)
}

func (w *writer) element(c byte) {
	w.b = append(comma(w.b), c)
}

func (w *writer) close(c byte) { w.b = append(w.b, c) }

func (w *writer) text(name, s string) {
	if s != "" {
		w.must(name, s)
	}
}

func (w *writer) must(name, s string) {
	w.name(name)
	w.quoted(s)
}

func (w *writer) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	w.open(name, '[')
	for _, s := range list {
		w.b = comma(w.b)
		w.quoted(s)
	}
	w.close(']')
}

func (w *writer) number(name string, n json.Number) {
	if n != "" {
		w.name(name)
		w.b = append(w.b, n...)
	}
}

// count writes a number that is not 0.
func (w *writer) count(name string, n int64) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

func (w *writer) flag(name string, v bool) {
	if v {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *writer) coded(name string, c *Coded) {
	if c == nil {
		return
	}
	w.open(name, '{')
	w.text("code", c.Code)
	w.text("text", c.Text)
	w.text("system", c.System)
	w.close('}')
}

func (w *writer) person(name string, p *Person) {
	if p == nil {
		return
	}
	w.open(name, '{')
	w.text("id", p.ID)
	w.text("name", p.Name)
	w.close('}')
}

func (w *writer) order(name string, o *Order) {
	if o == nil {
		return
	}
	w.open(name, '{')
	w.must("id", o.ID)
	w.text("namespace", o.Namespace)
	w.close('}')
}

// quoted writes a string (RFC 8259 section 7). What is not UTF-8 becomes U+FFFD.
func (w *writer) quoted(s string) {
	b := append(w.b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if asItIs[c] {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); (r != utf8.RuneError || n > 1) && r != '\u2028' && r != '\u2029' {
				i += n
				continue
			}
			b = appendEscape(append(b, s[from:i]...), r)
		} else {
			b = appendEscape(append(b, s[from:i]...), rune(c))
		}
		i += n
		from = i
	}
	w.b = append(append(b, s[from:]...), '"')
}

// asItIs are the bytes of ASCII that stand for themselves in a string.
var asItIs = func() (t [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendEscape writes a character of the basic plane as an escape sequence, the short one if it has any.
func appendEscape(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	}
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
