package lab

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
	w.person("orderer", r.Orderer)
	w.person("interpreter", r.Interpreter)
	if s := r.Specimen; s != nil {
		w.open("specimen", '{')
		w.specimen(s)
		w.close('}')
	}
	if len(r.Specimens) > 0 {
		w.open("specimens", '[')
		for i := range r.Specimens {
			w.element('{')
			w.specimen(&r.Specimens[i])
			w.close('}')
		}
		w.close(']')
	}
	w.document(r.Document)
	w.text("parentResult", r.ParentResult)
	w.text("parentOrder", r.ParentOrder)
	w.parent(r.Parent)
	w.texts("notes", r.Notes)
	w.observations(r.Observations)
	w.text("messageTime", r.Sent)
	w.text("sender", r.Sender)
	w.texts("warnings", r.Warnings)
	w.close('}')
	return w.b
}

// room estimates the length of a report's JSON, so that that of a large one is written without being moved.
func (r *Report) room() int {
	n := 512
	for o := range r.Each() {
		n += 256
		for i := range o.Values {
			n += 32 + len(o.Values[i].Text)*33/32
		}
		for _, s := range o.Notes {
			n += 8 + len(s)*33/32
		}
	}
	return n
}

func (w *writer) observations(list []Observation) {
	w.open("observations", '[')
	for i := range list {
		w.observation(&list[i])
	}
	w.close(']')
}

func (w *writer) specimen(s *Specimen) {
	w.text("id", s.ID)
	w.text("container", s.Container)
	w.text("accession", s.Accession)
	if s.Type != (Coded{}) {
		w.coded("type", &s.Type)
	}
	w.text("role", s.Role)
	w.text("collected", s.Collected)
	w.text("received", s.Received)
	if len(s.Observations) > 0 {
		w.observations(s.Observations)
	}
}

func (w *writer) parent(p *Parent) {
	if p == nil {
		return
	}
	w.open("parent", '{')
	if p.Code != (Coded{}) {
		w.coded("code", &p.Code)
	}
	w.text("subId", p.Sub)
	w.text("text", p.Text)
	w.order("placerOrder", p.Placer)
	w.order("fillerOrder", p.Filler)
	w.close('}')
}

func (w *writer) document(d *Document) {
	if d == nil {
		return
	}
	w.open("document", '{')
	w.must("event", d.Event)
	w.text("id", d.ID)
	w.text("parent", d.Parent)
	w.text("type", d.Type)
	w.text("title", d.Title)
	w.text("file", d.File)
	w.text("completion", d.Completion)
	w.text("availability", d.Availability)
	w.text("reason", d.Reason)
	w.close('}')
}

func (w *writer) observation(o *Observation) {
	w.element('{')
	w.coded("code", &o.Code)
	w.coded("alternate", o.Alternate)
	w.texts("further", o.Further)
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
		w.limits(&r.Limits)
		w.forms(r.Forms)
		w.close('}')
	}
	w.texts("flags", o.Flags)
	w.text("absent", o.Absent)
	w.must("status", string(o.Status))
	w.text("hl7Status", o.HL7Status)
	w.text("observed", o.Observed)
	w.text("analysed", o.Analysed)
	w.text("producer", o.Producer)
	w.person("observer", o.Observer)
	w.text("method", o.Method)
	w.text("equipment", o.Equipment)
	w.texts("notes", o.Notes)
	w.texts("warnings", o.Warnings)
	w.flag("duplicate", o.Duplicate)
	w.close('}')
}

func (w *writer) limits(l *Limits) {
	w.number("low", l.Low)
	w.number("high", l.High)
	w.flag("lowExclusive", l.LowExclusive)
	w.flag("highExclusive", l.HighExclusive)
	w.text("normal", l.Normal)
}

func (w *writer) forms(list []RangeForm) {
	if len(list) == 0 {
		return
	}
	w.open("forms", '[')
	for i := range list {
		w.element('{')
		w.text("sex", list[i].Sex)
		w.text("age", list[i].Age)
		w.limits(&list[i].Limits)
		w.close('}')
	}
	w.close(']')
}

func (w *writer) value(v *Value) {
	w.element('{')
	w.text("text", v.Text)
	w.text("comparator", v.Comparator)
	w.number("number", v.Number)
	w.text("separator", v.Separator)
	w.number("number2", v.Number2)
	w.coded("coded", v.Coded)
	w.coded("alternate", v.Alternate)
	w.texts("further", v.Further)
	w.text("time", v.Time)
	w.text("display", v.Display)
	if v.Attachment != nil {
		w.open("attachment", '{')
		w.attachment(v.Attachment)
		w.close('}')
	}
	w.close('}')
}

func (w *writer) attachment(a *Attachment) {
	w.text("source", a.Source)
	w.text("pointer", a.Pointer)
	w.text("type", a.Type)
	w.text("subtype", a.Subtype)
	w.text("encoding", a.Encoding)
	w.count("length", int64(a.Length))
	w.count("document", int64(a.Document))
	w.text("mediaType", a.MediaType)
	w.text("digest", a.Digest)
	w.count("size", a.Size)
}
