package lab

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// appendReport writes a report as encoding/json would, without escapes that only
// HTML needs and without reflection: it is done for each result that comes.
func appendReport(b []byte, r *Report) []byte {
	w := writer{b: append(b, '{')}
	w.coded("service", &r.Service)
	w.must("status", string(r.Status))
	w.text("hl7Status", r.HL7Status)
	w.order("placerOrder", r.Placer)
	w.order("fillerOrder", r.Filler)
	w.text("accession", r.Accession)
	w.text("visit", r.Visit)
	w.text("observed", r.Observed)
	w.text("reported", r.Reported)
	w.text("section", r.Section)
	if s := r.Specimen; s != nil {
		w.open("specimen", '{')
		w.text("id", s.ID)
		if s.Type != (Coded{}) {
			w.coded("type", &s.Type)
		}
		w.close('}')
	}
	w.text("parentResult", r.ParentResult)
	w.text("parentOrder", r.ParentOrder)
	w.texts("notes", r.Notes)
	w.open("observations", '[')
	for i := range r.Observations {
		w.observation(&r.Observations[i])
	}
	w.close(']')
	w.text("messageTime", r.Sent)
	w.text("sender", r.Sender)
	w.texts("warnings", r.Warnings)
	w.close('}')
	return w.b
}

func (w *writer) observation(o *Observation) {
	w.element('{')
	w.coded("code", &o.Code)
	w.coded("alternate", o.Alternate)
	w.text("subId", o.Sub)
	w.text("type", o.Type)
	if len(o.Values) > 0 {
		w.open("values", '[')
		for i := range o.Values {
			w.value(&o.Values[i])
		}
		w.close(']')
	}
	w.coded("units", o.Units)
	if r := o.Range; r != nil {
		w.open("range", '{')
		w.must("text", r.Text)
		w.number("low", r.Low)
		w.number("high", r.High)
		w.flag("lowExclusive", r.LowExclusive)
		w.flag("highExclusive", r.HighExclusive)
		w.close('}')
	}
	w.texts("flags", o.Flags)
	w.must("status", string(o.Status))
	w.text("hl7Status", o.HL7Status)
	w.text("observed", o.Observed)
	w.text("analysed", o.Analysed)
	w.text("producer", o.Producer)
	w.text("method", o.Method)
	w.text("equipment", o.Equipment)
	w.texts("notes", o.Notes)
	w.texts("warnings", o.Warnings)
	w.close('}')
}

func (w *writer) value(v *Value) {
	w.element('{')
	w.text("text", v.Text)
	w.text("comparator", v.Comparator)
	w.number("number", v.Number)
	w.text("separator", v.Separator)
	w.number("number2", v.Number2)
	w.coded("coded", v.Coded)
	w.text("time", v.Time)
	if a := v.Attachment; a != nil {
		w.open("attachment", '{')
		w.text("source", a.Source)
		w.text("pointer", a.Pointer)
		w.text("type", a.Type)
		w.text("subtype", a.Subtype)
		w.text("encoding", a.Encoding)
		if a.Length != 0 {
			w.name("length")
			w.b = strconv.AppendInt(w.b, int64(a.Length), 10)
		}
		w.close('}')
	}
	w.close('}')
}

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
