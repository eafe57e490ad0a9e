package lab

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// writer appends JSON.
type writer struct{ b []byte }

// comma goes before everything but the first of an object or array.
func (w *writer) comma() {
	if c := w.b[len(w.b)-1]; c != '{' && c != '[' {
		w.b = append(w.b, ',')
	}
}

// name writes a member's name; names need no escapes.
func (w *writer) name(s string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) open(name string, c byte) {
	w.name(name)
	w.b = append(w.b, c)
}

func (w *writer) element(c byte) {
	w.comma()
	w.b = append(w.b, c)
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
		w.comma()
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
	const digits = "0123456789abcdef"
	w.b = append(w.b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || n > 1) && r != '\u2028' && r != '\u2029' {
				i += n
				continue
			}
			w.b = append(w.b, s[from:i]...)
			w.b = append(w.b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
			i += n
			from = i
			continue
		}
		w.b = append(w.b, s[from:i]...)
		switch c {
		case '"', '\\':
			w.b = append(w.b, '\\', c)
		case '\n':
			w.b = append(w.b, '\\', 'n')
		case '\r':
			w.b = append(w.b, '\\', 'r')
		case '\t':
			w.b = append(w.b, '\\', 't')
		case '\b':
			w.b = append(w.b, '\\', 'b')
		case '\f':
			w.b = append(w.b, '\\', 'f')
		default:
			w.b = append(w.b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i++
		from = i
	}
	w.b = append(append(w.b, s[from:]...), '"')
}
