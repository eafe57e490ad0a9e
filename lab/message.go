package lab

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// AddResult adds a report to an ORU^R01 that has MSH and PID: ORC, OBR with its notes, OBX with theirs, SPM (HL7 7.3.1). Codes and units of
// maps stand beside the sender's (OBX-3.4, OBX-6.4). data gives the bytes of an attachment.
func AddResult(b *hl7v2.Builder, s *Shown, data func(*Attachment) ([]byte, error)) error {
	b.Add("ORC")
	b.Set("ORC-1", "RE")
	b.Add("OBR")
	b.Set("OBR-1", "1")
	for _, seg := range []string{"ORC", "OBR"} {
		setOrder(b, seg+"-2", s.Placer)
		setOrder(b, seg+"-3", s.Filler)
	}
	setCoded(b, "OBR-4", 1, s.Service)
	b.Set("OBR-7", HL7Time(s.Observed))
	setPerson(b, "OBR-16", s.Orderer)
	b.Set("OBR-18", s.Accession)
	b.Set("OBR-22", HL7Time(s.Reported))
	b.Set("OBR-24", s.Section)
	b.Set("OBR-25", letter(s.HL7Status, s.Status))
	setPerson(b, "OBR-32", s.Interpreter)
	n := noteWriter{b: b}
	n.add(s.Notes, s.Warnings)
	for i := range s.Observations {
		o := &s.Observations[i]
		if err := addObservation(b, i+1, o, data); err != nil {
			return err
		}
		n.add(o.Notes, o.Warnings)
	}
	addSpecimen(b, s.Specimen)
	return nil
}

// noteWriter numbers the NTE segments of a message.
type noteWriter struct {
	b *hl7v2.Builder
	n int
}

// add writes notes, and the warnings that tell of a text which is not there in full: that is said to whoever gets the rest.
func (w *noteWriter) add(notes, warnings []string) {
	for _, s := range warnings {
		if strings.HasSuffix(s, cutText) {
			notes = append(notes[:len(notes):len(notes)], s)
		}
	}
	for i, text := range notes {
		w.n++
		seg := "NTE[" + strconv.Itoa(w.n) + "]"
		w.b.Add("NTE")
		w.b.Set(seg+"-1", strconv.Itoa(i+1))
		w.b.Set(seg+"-3", text)
	}
}

func setOrder(b *hl7v2.Builder, path string, o *Order) {
	if o != nil {
		b.Set(path+".1", o.ID)
		b.Set(path+".2", o.Namespace)
	}
}

// setCoded puts a coded element at a place, from component n on.
func setCoded(b *hl7v2.Builder, path string, n int, c Coded) {
	for i, s := range []string{c.Code, c.Text, c.System} {
		if s != "" {
			b.Set(path+"."+strconv.Itoa(n+i), s)
		}
	}
}

func setPerson(b *hl7v2.Builder, path string, p *Person) {
	if p == nil {
		return
	}
	b.Set(path+".1", p.ID)
	for i, s := range strings.Split(p.Name, "^") {
		at := [...]int{2, 3, 4, 6, 5} // XCN: family, given, middle, suffix before prefix
		if i < len(at) && s != "" {
			b.Set(path+"."+strconv.Itoa(at[i]), s)
		}
	}
}

func addSpecimen(b *hl7v2.Builder, s *Specimen) {
	if s == nil {
		return
	}
	b.Add("SPM")
	b.Set("SPM-1", "1")
	b.Set("SPM-2.1", s.ID)
	b.Set("SPM-2.2", s.Filler)
	setCoded(b, "SPM-4", 1, s.Type)
	b.Set("SPM-17", HL7Time(s.Collected))
	b.Set("SPM-18", HL7Time(s.Received))
}

func addObservation(b *hl7v2.Builder, n int, o *Observation, data func(*Attachment) ([]byte, error)) error {
	seg := "OBX"
	if n > 1 {
		seg = "OBX[" + strconv.Itoa(n) + "]"
	}
	b.Add("OBX")
	b.Set(seg+"-1", strconv.Itoa(n))
	b.Set(seg+"-2", o.Type)
	setCoded(b, seg+"-3", 1, o.Code)
	b.Set(seg+"-4", o.Sub)
	for i := range o.Values {
		if err := setValue(b, seg+"-5["+strconv.Itoa(i+1)+"]", o, &o.Values[i], data); err != nil {
			return err
		}
	}
	if o.Units != nil {
		setCoded(b, seg+"-6", 1, *o.Units)
	}
	setMapped(b, seg, o)
	if o.Range != nil {
		b.Set(seg+"-7", o.Range.Text)
	}
	for i, f := range o.Flags {
		b.Set(seg+"-8["+strconv.Itoa(i+1)+"]", f)
	}
	b.Set(seg+"-11", letter(o.HL7Status, o.Status))
	b.Set(seg+"-14", HL7Time(o.Observed))
	b.Set(seg+"-15", o.Producer)
	setPerson(b, seg+"-16", o.Observer)
	b.Set(seg+"-17.2", o.Method)
	b.Set(seg+"-18", o.Equipment)
	b.Set(seg+"-19", HL7Time(o.Analysed))
	return nil
}

// first gives CWE.1 to 3 as they were sent, which can be empty where there is a code all the same.
func (v *Value) first() Coded {
	if !strings.HasPrefix(v.Text, "^^") {
		return *v.Coded
	}
	const original = originalText - firstFurther
	switch {
	case v.Alternate != nil && *v.Alternate == *v.Coded:
		system, _, _ := strings.Cut(v.Text[len("^^"):], "^")
		return Coded{System: system}
	case len(v.Further) > original && v.Further[original] == v.Coded.Text:
		return Coded{System: v.Coded.System}
	}
	return *v.Coded
}

// setFurther puts CWE.7 and what follows it.
func setFurther(b *hl7v2.Builder, path string, list []string) {
	for i, s := range list {
		if s != "" {
			b.Set(path+"."+strconv.Itoa(firstFurther+i), s)
		}
	}
}

// setMapped puts what maps say beside a code and its unit, and the sender's own alternates: in CWE.10 to 12 one whose place
// is taken. Where those are taken too, the sender's go before ours.
func setMapped(b *hl7v2.Builder, seg string, o *Observation) {
	const version, second = 8, 10 // of the alternate, and the second alternate (CWE.8, CWE.10)
	r, further := o.Reading, o.Further
	switch {
	case r != nil && r.Code != nil && r.Code.By != "sender" && (o.Alternate == nil || len(further) <= second-firstFurther):
		setCoded(b, seg+"-3", 4, Coded{r.Code.Code, r.Code.Text, "LN"})
		if o.Alternate != nil {
			setCoded(b, seg+"-3", second, *o.Alternate)
		}
		if i := version - firstFurther; len(further) > i { // the alternate's, with it
			further = slices.Clone(further)
			b.Set(seg+"-3."+strconv.Itoa(second+3), further[i])
			further[i] = ""
		}
	case o.Alternate != nil:
		setCoded(b, seg+"-3", 4, *o.Alternate)
	}
	setFurther(b, seg+"-3", further)
	if r != nil && r.Unit != nil && o.Units != nil && r.Unit.Code != o.Units.Code {
		setCoded(b, seg+"-6", 4, Coded{r.Unit.Code, r.Unit.Text, "UCUM"})
	}
}

// primitive are the data types without components (HL7 2.A), in which ^ and & are text, and those that are read as if they were.
var primitive = map[string]bool{
	"": true, "ST": true, "TX": true, "FT": true, "NM": true, "SI": true, "ID": true, "IS": true, "DT": true, "TM": true, "DTM": true, "GTS": true,
}

// setComponents writes a value as it was sent, in components and subcomponents.
func setComponents(b *hl7v2.Builder, path, text string) {
	for i, c := range strings.Split(text, "^") {
		at := path + "." + strconv.Itoa(i+1)
		parts := strings.Split(c, "&")
		for j, s := range parts {
			switch {
			case s == "":
			case len(parts) == 1:
				b.Set(at, s)
			default:
				b.Set(at+"."+strconv.Itoa(j+1), s)
			}
		}
	}
}

// setValue writes a value in the data type of OBX-2.
func setValue(b *hl7v2.Builder, path string, o *Observation, v *Value, data func(*Attachment) ([]byte, error)) error {
	switch {
	case v.Attachment != nil:
		return setAttachment(b, path, v.Attachment, data)
	case v.Coded != nil:
		setCoded(b, path, 1, v.first())
		if v.Alternate != nil {
			setCoded(b, path, 4, *v.Alternate)
		}
		setFurther(b, path, v.Further)
	case primitive[o.Type]:
		b.Set(path+".1", v.Text)
	default:
		setComponents(b, path, v.Text)
	}
	return nil
}

func setAttachment(b *hl7v2.Builder, path string, a *Attachment, data func(*Attachment) ([]byte, error)) error {
	if a.Document == 0 {
		for i, s := range []string{a.Pointer, a.Source, a.Type, a.Subtype} {
			b.Set(path+"."+strconv.Itoa(i+1), s)
		}
		return nil
	}
	bytes, err := data(a)
	if err != nil {
		return err
	}
	for i, s := range []string{a.Source, a.Type, a.Subtype, "Base64", base64.StdEncoding.EncodeToString(bytes)} {
		b.Set(path+"."+strconv.Itoa(i+1), s)
	}
	return nil
}

// letter gives the status as HL7 writes it: as it was sent, if it was.
func letter(sent string, s Status) string {
	if sent != "" {
		return sent
	}
	return map[Status]string{
		Registered: "I", Preliminary: "P", Final: "F", Corrected: "C", Cancelled: "X", EnteredInError: "W", Deleted: "D",
	}[s]
}

// HL7Time writes an ISO 8601 time as DTM (HL7 2A.3.22); other text stays.
func HL7Time(s string) string {
	if len(s) < 4 || strings.Trim(s[:4], "0123456789") != "" {
		return s
	}
	date, clock, timed := strings.Cut(s, "T")
	out := strings.ReplaceAll(date, "-", "")
	if !timed {
		return out
	}
	zone := ""
	if i := strings.IndexAny(clock, "Z+-"); i >= 0 {
		clock, zone = clock[:i], strings.ReplaceAll(clock[i:], ":", "")
	}
	if zone == "Z" {
		zone = "+0000"
	}
	return out + strings.ReplaceAll(clock, ":", "") + zone
}
