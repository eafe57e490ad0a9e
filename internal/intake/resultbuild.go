package intake

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
)

// build makes the ORU^R01 of a body.
func (r *resultMessage) build(body []byte) ([]byte, error) {
	w := resultWriter{control: r.Control}
	if w.control == "" {
		sum := sha256.Sum256(body)
		w.control = base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:12]) // 20 characters
	}
	if len(w.control) > maxControl {
		w.fail("/control", fmt.Sprintf("is longer than %d bytes", maxControl))
	}
	h := hl7v2.Header{
		SendingApplication: r.Sender, SendingFacility: r.Site, Type: [3]string{"ORU", "R01", "ORU_R01"}, ControlID: w.control,
	}
	w.b = hl7v2.NewBuilder(h)
	w.time("MSH-7", "/time", r.Time)
	if len(r.Reports) == 0 {
		w.fail("/reports", "at least one is needed")
	}
	w.patient(r.Patient, r.Visit)
	for i := range r.Reports {
		w.report(i+1, &r.Reports[i])
	}
	if w.err != nil {
		return nil, w.err
	}
	utf8, _ := hl7v2.LookupCharset("UTF-8")
	raw, err := w.b.Encode(hl7v2.Standard, utf8)
	if err != nil {
		return nil, &Wrong{Detail: "cannot be written as HL7"}
	}
	return raw, nil
}

// maxControl bounds a control ID in bytes (MSH-10; HL7 2.15.9.10).
const maxControl = 199

// resultWriter fills a message.
type resultWriter struct {
	b       *hl7v2.Builder
	control string
	obx     int // of the message so far
	nte     int
	spm     int
	err     error
}

func (w *resultWriter) fail(place, reason string) {
	if w.err == nil {
		w.err = &Wrong{Pointer: place, Detail: reason}
	}
}

// set puts a text if it is not empty.
func (w *resultWriter) set(path, text string) {
	if text != "" {
		w.b.Set(path, text)
	}
}

// time puts a time of ISO 8601 as HL7 writes it.
func (w *resultWriter) time(path, place, s string) {
	if s == "" {
		return
	}
	t, ok := hl7Time(s)
	if !ok {
		w.fail(place, "not a time of ISO 8601")
		return
	}
	w.b.Set(path, t)
}

// isoTime is what times look like: as many parts as are known, an offset only with an hour.
var isoTime = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$`)

// hl7Time turns a time of ISO 8601 into one of HL7.
func hl7Time(s string) (string, bool) {
	if !isoTime.MatchString(s) {
		return "", false
	}
	date, clock, hasClock := strings.Cut(s, "T")
	out, zone := strings.ReplaceAll(date, "-", ""), ""
	if hasClock {
		clock = strings.Replace(clock, "Z", "+0000", 1)
		if i := strings.IndexAny(clock, "+-"); i >= 0 {
			clock, zone = clock[:i], strings.Replace(clock[i:], ":", "", 1)
		}
		out += strings.ReplaceAll(clock, ":", "")
	}
	if i := strings.IndexByte(out, '.'); i >= 0 {
		out = out[:min(len(out), i+5)] // HL7 has four digits
	}
	out += zone
	_, ok := hl7v2.ParseTime(out)
	return out, ok
}

func (w *resultWriter) patient(p *resultPatient, visit string) {
	if p == nil {
		w.fail("/patient", "is needed")
		return
	}
	if err := p.check(); err != nil && w.err == nil {
		w.err = err
	}
	w.b.Add("PID").Set("PID-1", "1")
	ids := p.Identifiers
	if p.ID != "" {
		ids = append([]resultIdentifier{{p.ID, p.Authority, p.Type}}, ids...)
	}
	if len(ids) == 0 {
		w.fail("/patient/id", "is needed")
	}
	for i, id := range ids {
		if id.ID == "" {
			w.fail(fmt.Sprintf("/patient/identifiers/%d/id", i-(len(ids)-len(p.Identifiers))), "is needed")
		}
		at := "PID-3[" + strconv.Itoa(i+1) + "]"
		w.set(at+".1", id.ID)
		w.set(at+".4", id.Authority)
		w.set(at+".5", id.Type)
	}
	w.b.SetName("PID-5", 0, p.Name)
	w.time("PID-7", "/patient/birthDate", p.BirthDate)
	if !knownSex(p.Sex) {
		w.fail("/patient/sex", notSex)
	}
	w.set("PID-8", hl7v2.AdministrativeSex(p.Sex))
	if visit != "" {
		w.b.Add("PV1").Set("PV1-1", "1").Set("PV1-2", "U").Set("PV1-19", visit)
	}
}

func (w *resultWriter) person(path string, p *lab.Person) {
	if p != nil {
		w.set(path+".1", p.ID)
		w.b.SetName(path, 1, p.Name)
	}
}

func (w *resultWriter) code(path string, first int, c resultCode) {
	for i, s := range []string{c.Code, c.Text, c.System} {
		w.set(path+"."+strconv.Itoa(first+i), s)
	}
}

func (w *resultWriter) order(path string, o resultOrder) {
	w.set(path+".1", o.ID)
	w.set(path+".2", o.Namespace)
}

func (w *resultWriter) notes(list []string) {
	for _, n := range list {
		w.nte++
		at := "NTE[" + strconv.Itoa(w.nte) + "]"
		w.b.Add("NTE").Set(at+"-1", "1")
		w.set(at+"-3", n)
	}
}

func (w *resultWriter) report(n int, r *resultReport) {
	place, at := fmt.Sprintf("/reports/%d", n-1), "OBR["+strconv.Itoa(n)+"]-"
	if r.Service.Coded == (lab.Coded{}) {
		w.fail(place+"/service", "is needed")
	}
	w.b.Add("OBR").Set(at+"1", strconv.Itoa(n))
	w.order(at+"2", r.Placer)
	w.order(at+"3", r.Filler)
	w.code(at+"4", 1, r.Service)
	w.time(at+"7", place+"/observed", r.Observed)
	w.person(at+"16", r.Orderer)
	w.set(at+"18", r.Accession)
	w.time(at+"22", place+"/reported", r.Reported)
	w.set(at+"24", r.Section)
	status := w.status(place, r.Status, reportLetters, lab.ReportStatus, "F")
	w.b.Set(at+"25", status)
	if p := r.Interpreter; p != nil { // an NDL, whose first component is the person
		w.set(at+"32.1.1", p.ID)
		name, _, _ := strings.Cut(p.Name, "=") // the alphabetic one (PS3.5 6.2.1.1)
		for i, part := range strings.Split(name, "^") {
			if i < 3 {
				w.set(at+"32.1."+strconv.Itoa(i+2), part)
			}
		}
	}
	w.notes(r.Notes)
	for i := range r.Observations {
		w.observation(fmt.Sprintf("%s/observations/%d", place, i), i+1, status, &r.Observations[i])
	}
	for i := range r.Documents {
		w.document(fmt.Sprintf("%s/documents/%d", place, i), len(r.Observations)+i+1, status, &r.Documents[i])
	}
	if s := r.Specimen; s != nil {
		w.spm++
		at := "SPM[" + strconv.Itoa(w.spm) + "]-"
		w.b.Add("SPM").Set(at+"1", "1")
		w.set(at+"2.1", s.ID)
		w.code(at+"4", 1, s.Type)
		w.time(at+"17", place+"/specimen/collected", s.Collected)
		w.time(at+"18", place+"/specimen/received", s.Received)
	}
}

// The words for statuses, and their letters in tables 0123 and 0085.
var (
	reportLetters      = map[string]string{"registered": "O", "preliminary": "P", "partial": "A", "final": "F", "corrected": "C", "cancelled": "X"}
	observationLetters = map[string]string{
		"registered": "I", "preliminary": "P", "final": "F", "corrected": "C", "cancelled": "X", "entered-in-error": "W", "deleted": "D",
	}
)

// status gives the letter of a status, which may be a letter already, that table knows.
func (w *resultWriter) status(place, s string, letters map[string]string, table func(letter string) lab.Status, otherwise string) string {
	if s == "" {
		return otherwise
	}
	if l, ok := letters[s]; ok {
		return l
	}
	if len(s) == 1 && table(s) != "" {
		return s
	}
	w.fail(place+"/status", "is not a status")
	return otherwise
}

func (w *resultWriter) observation(place string, n int, report string, o *resultObservation) {
	w.obx++
	at := "OBX[" + strconv.Itoa(w.obx) + "]-"
	if o.Code.Coded == (lab.Coded{}) {
		w.fail(place+"/code", "is needed")
	}
	w.b.Add("OBX").Set(at+"1", strconv.Itoa(n))
	w.code(at+"3", 1, o.Code)
	w.code(at+"3", 4, o.Alternate)
	w.set(at+"4", o.Sub)
	values := o.Values
	if o.Value != nil {
		values = append([]resultValue{*o.Value}, values...)
	}
	w.values(place, at, values)
	w.code(at+"6", 1, o.Units)
	w.set(at+"7", o.Range)
	for i, f := range o.Flags {
		w.set(at+"8["+strconv.Itoa(i+1)+"]", f)
	}
	if report == "A" {
		report = "F"
	}
	w.b.Set(at+"11", w.status(place, o.Status, observationLetters, lab.ObservationStatus, report))
	w.time(at+"14", place+"/observed", o.Observed)
	w.person(at+"16", o.Observer)
	w.set(at+"17.2", o.Method)
	w.set(at+"18.1", o.Equipment)
	w.notes(o.Notes)
}

// values writes OBX-2 and OBX-5. All values of an observation are of one kind.
func (w *resultWriter) values(place, at string, values []resultValue) {
	if len(values) == 0 {
		return
	}
	typ := values[0].dataType()
	w.b.Set(at+"2", typ)
	for i := range values {
		v := &values[i]
		if v.dataType() != typ {
			w.fail(place+"/values", "are of several kinds")
			return
		}
		rep := at + "5[" + strconv.Itoa(i+1) + "]"
		switch typ {
		case "CWE":
			w.code(rep, 1, resultCode{*v.coded})
		case "NM":
			w.set(rep, v.number.String())
		case "SN":
			m := comparedNumber.FindStringSubmatch(v.text)
			w.set(rep+".1", strings.NewReplacer("≤", "<=", "≥", ">=").Replace(m[1]))
			w.set(rep+".2", m[2])
		default:
			w.set(rep, v.text)
		}
	}
}

// comparedNumber is "<0.01" and the like.
var comparedNumber = regexp.MustCompile(`^\s*(<=|>=|<|>|≤|≥)\s*([0-9]+(?:\.[0-9]+)?)\s*$`)

// dataType gives the HL7 data type of a value.
func (v *resultValue) dataType() string {
	switch {
	case v.coded != nil:
		return "CWE"
	case v.number != "":
		return "NM"
	case comparedNumber.MatchString(v.text):
		return "SN"
	case strings.ContainsRune(v.text, '\n') || len(v.text) > 200:
		return "TX"
	}
	return "ST"
}

func (w *resultWriter) document(place string, n int, report string, d *resultDocument) {
	w.obx++
	at := "OBX[" + strconv.Itoa(w.obx) + "]-"
	typ, subtype, ok := strings.Cut(d.MediaType, "/")
	switch {
	case !ok:
		w.fail(place+"/mediaType", "is not a media type")
	case len(d.Data) == 0:
		w.fail(place+"/data", "is empty")
	}
	w.b.Add("OBX").Set(at+"1", strconv.Itoa(n)).Set(at+"2", "ED")
	if d.Code.Coded == (lab.Coded{}) {
		d.Code.Coded = lab.Coded{Code: "11502-2", Text: "Laboratory report", System: "LN"}
	}
	w.code(at+"3", 1, d.Code)
	w.set(at+"4", strconv.Itoa(n))
	w.b.Set(at+"5.2", typ).Set(at+"5.3", subtype).Set(at+"5.4", "Base64").Set(at+"5.5", base64.StdEncoding.EncodeToString(d.Data))
	if report == "A" {
		report = "F"
	}
	w.b.Set(at+"11", report)
}
