package intake

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/hl7v2"
)

// JSONOrder is an order as systems send it that speak no HL7v2 (docs/worklist.md). Texts are UTF-8.
type JSONOrder struct {
	Number    string         `json:"number"`              // the placer's order number: SoPhieu. It names the order
	Authority string         `json:"authority,omitempty"` // whose number it is
	Accession string         `json:"accession,omitempty"` // Accession Number; the order number when empty and that fits
	Kind      string         `json:"kind,omitempty"`      // imaging, which is the default, or laboratory
	Action    string         `json:"action,omitempty"`    // new or change, which are the same, or cancel
	Patient   JSONPatient    `json:"patient"`
	Visit     JSONVisit      `json:"visit,omitzero"`
	Service   JSONCode       `json:"service,omitzero"` // what is ordered
	Reason    JSONCode       `json:"reason,omitzero"`  // why; a diagnosis
	Priority  string         `json:"priority,omitempty"`
	Requester JSONPerson     `json:"requester,omitzero"`
	Notes     []string       `json:"notes,omitempty"`
	Study     string         `json:"studyInstanceUID,omitempty"`
	Steps     []JSONStep     `json:"steps,omitempty"`
	Specimens []JSONSpecimen `json:"specimens,omitempty"`
	JSONStep                 // of an order with one step its fields may stand in the order itself

	Warnings []Wrong `json:"-"` // what is odd about it, and was taken
}

// JSONPatient is the patient of an order.
type JSONPatient struct {
	ID string `json:"id"`
	JSONAuthority
	Identifiers []JSONIdentifier `json:"identifiers,omitempty"` // others: CCCD, insurance card
	Name        string           `json:"name"`                  // as it is written, or divided by ^ as DICOM does
	BirthDate   string           `json:"birthDate,omitempty"`   // 1970-01-02, 19700102 or 1970
	Sex         string           `json:"sex,omitempty"`         // of table 0001, or a word: see notSex
	Address     string           `json:"address,omitempty"`
	Phone       string           `json:"phone,omitempty"`
	Weight      float64          `json:"weight,omitempty"` // kg
	Height      float64          `json:"height,omitempty"` // m
	Allergies   []string         `json:"allergies,omitempty"`
}

// JSONIdentifier is a further number of a patient.
type JSONIdentifier struct {
	ID        string `json:"id"`
	Authority string `json:"authority,omitempty"`
	Type      string `json:"type,omitempty"` // HL7 table 0203
}

// JSONVisit is where the patient is.
type JSONVisit struct {
	Number   string `json:"number,omitempty"`
	Class    string `json:"class,omitempty"` // I, O or E
	Location string `json:"location,omitempty"`
}

// JSONCode is a coded concept.
type JSONCode struct {
	Code   string `json:"code,omitempty"`
	Name   string `json:"name,omitempty"`
	System string `json:"system,omitempty"`
}

// JSONPerson is a person of the staff.
type JSONPerson struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// JSONSpecimen is a specimen of a laboratory order.
type JSONSpecimen struct {
	ID   string   `json:"id"`
	Type JSONCode `json:"type,omitzero"`
}

// JSONStep is a Scheduled Procedure Step.
type JSONStep struct {
	ID          string   `json:"id,omitempty"`
	Procedure   string   `json:"requestedProcedureID,omitempty"`
	Modality    string   `json:"modality,omitempty"`
	Protocol    JSONCode `json:"protocol,omitzero"`
	Station     string   `json:"station,omitempty"` // AE title
	StationName string   `json:"stationName,omitempty"`
	Location    string   `json:"stepLocation,omitempty"`
	Start       string   `json:"start,omitempty"` // 2026-11-22T09:30 or as HL7 writes it
}

// Bounds of a JSON order.
const (
	maxOrderSteps = 100
	maxOrderNotes = 100
	maxText       = 10_000 // characters of one value
)

// ReadJSONOrder reads an order. The error is a *Wrong.
func ReadJSONOrder(b []byte) (*JSONOrder, error) {
	o := &JSONOrder{}
	if err := readBody(b, o); err != nil {
		return nil, err
	}
	return o, o.check()
}

func (o *JSONOrder) check() error {
	o.Number = strings.TrimSpace(o.Number)
	wrong := func(pointer, detail string) error { return &Wrong{Pointer: pointer, Detail: detail} }
	switch {
	case o.Number == "":
		return wrong("/number", "is missing: it names the order")
	case len(o.Number) > 64:
		return wrong("/number", "is longer than 64 bytes")
	case strings.ContainsFunc(o.Number, unicode.IsControl):
		return wrong("/number", "holds control characters")
	case o.Action != "" && o.Action != "new" && o.Action != "change" && o.Action != "cancel":
		return wrong("/action", "is none of new, change and cancel")
	case o.Kind != "" && o.Kind != "imaging" && o.Kind != "laboratory":
		return wrong("/kind", "is neither imaging nor laboratory")
	case utf8.RuneCountInString(o.Accession) > 16:
		return wrong("/accession", "is longer than 16 characters (PS3.5 6.2, SH)")
	case len(o.Steps) > maxOrderSteps:
		return wrong("/steps", "are too many")
	case len(o.Notes) > maxOrderNotes:
		return wrong("/notes", "are too many")
	case len(o.Specimens) > maxOrderSteps:
		return wrong("/specimens", "are too many")
	case o.Study != "" && !dicom.UID(o.Study).Valid():
		return wrong("/studyInstanceUID", "is not a UID")
	case priorities[strings.ToUpper(o.Priority)] == "" && o.Priority != "":
		return wrong("/priority", "is none of STAT, HIGH and ROUTINE")
	case o.Action != "cancel" && strings.TrimSpace(o.Patient.ID) == "":
		return wrong("/patient/id", "is missing")
	}
	if err := o.Patient.JSONAuthority.check(); err != nil {
		return err
	}
	if _, ok := orderDate(o.Patient.BirthDate); !ok {
		return wrong("/patient/birthDate", "is no date such as 1970-01-02")
	}
	if !knownSex(o.Patient.Sex) {
		return wrong("/patient/sex", notSex)
	}
	if o.Accession == "" && len(o.Number) <= 16 {
		o.Accession = o.Number
	}
	return o.checkSteps()
}

// checkSteps looks at the steps, of which there is at least one then.
func (o *JSONOrder) checkSteps() error {
	at := func(int) string { return "" }
	if len(o.Steps) == 0 {
		o.Steps = []JSONStep{o.JSONStep}
	} else {
		at = func(i int) string { return "/steps/" + strconv.Itoa(i) }
	}
	for i := range o.Steps {
		s := &o.Steps[i]
		_, isTime := orderTime(s.Start)
		_, notAE := dicom.ParseAETitle(s.Station)
		switch {
		case s.Start != "" && !isTime:
			return &Wrong{Pointer: at(i) + "/start", Detail: "is no time such as 2026-11-22T09:30"}
		case s.Station != "" && notAE != nil:
			return &Wrong{Pointer: at(i) + "/station", Detail: "is no AE title: they have at most 16 characters (PS3.5 6.2)"}
		case s.Modality != "" && !codeString.MatchString(s.Modality):
			return &Wrong{Pointer: at(i) + "/modality", Detail: "is no code such as CT: capitals, digits, space and underscore, at most 16 (PS3.5 6.2, CS)"}
		case s.Modality != "" && !modalities[s.Modality]:
			o.Warnings = append(o.Warnings, Wrong{Pointer: at(i) + "/modality", Detail: "is no modality of PS3.3 C.7.3.1.1.1; it is used as it stands"})
		}
	}
	return nil
}

// codeString is what values of CS look like.
var codeString = regexp.MustCompile(`^[A-Z0-9_]([A-Z0-9_ ]{0,14}[A-Z0-9_])?$`)

// modalities are the defined terms of Modality (PS3.3 C.7.3.1.1.1), retired ones that systems send among them.
var modalities = func() map[string]bool {
	all := map[string]bool{}
	for _, m := range strings.Fields(`ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DMS DG DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT IVUS KER
		KO LEN LP LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD
		RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA VF XA XAPROTOCOL XC
		AS CD CF CP CS DD DF DM DS EC FA FS LI MA MS OPR ST VS`) {
		all[m] = true
	}
	return all
}()

// priorities in HL7 table 0485.
var priorities = map[string]string{"STAT": "S", "HIGH": "A", "ROUTINE": "R", "URGENT": "A"}

// orderTime writes a time as HL7 does. One without an offset is the site's.
func orderTime(s string) (string, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		switch layout {
		case time.RFC3339:
			return t.Format("20060102150405-0700"), true
		case "2006-01-02":
			return t.Format("20060102"), true
		}
		return t.Format("20060102150405"), true
	}
	_, ok := hl7v2.ParseTime(s)
	return s, ok
}

func orderDate(s string) (string, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "-", "")
	if s == "" {
		return "", true
	}
	t, ok := hl7v2.ParseTime(s)
	return s, ok && t.Parts <= 3
}

// ControlID names what an order says: the same body makes the same one.
func ControlID(f halong.Facility, body []byte) string {
	h := sha256.New()
	h.Write([]byte(f))
	h.Write([]byte{0})
	h.Write(body)
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:10])
}

// Message builds the message that says the same: an OMI^O23 (HL7 4.4.4), of a laboratory order an OML^O21. known tells that
// the order is there already. Of h, type and version are filled in.
func (o *JSONOrder) Message(h hl7v2.Header, known bool) *hl7v2.Builder {
	h.Type, h.Version = [3]string{"OMI", "O23", "OMI_O23"}, "2.5.1"
	if o.Kind == "laboratory" {
		h.Type = [3]string{"OML", "O21", "OML_O21"}
	}
	b := hl7v2.NewBuilder(h)
	o.patient(b)
	control, state := "NW", "SC"
	switch {
	case o.Action == "cancel":
		control, state = "CA", "CA"
	case known:
		control = "XO"
	}
	b.Add("ORC").Set("ORC-1", control).Set("ORC-2.1", o.Number).Set("ORC-2.2", o.Authority).Set("ORC-5", state)
	if !h.Time.IsZero() {
		b.Set("ORC-9", h.Time.Format("20060102150405-0700"))
	}
	if o.Action == "cancel" {
		return b
	}
	o.details(b)
	return b
}

func (o *JSONOrder) patient(b *hl7v2.Builder) {
	p := &o.Patient
	b.Add("PID").Set("PID-1", "1").Set("PID-3.1", p.ID).Set("PID-3.4", p.Authority)
	for i, x := range p.Identifiers {
		at := "PID-3[" + strconv.Itoa(i+2) + "]"
		b.Set(at+".1", x.ID).Set(at+".4", x.Authority).Set(at+".5", x.Type)
	}
	b.SetName("PID-5", 0, p.Name)
	birth, _ := orderDate(p.BirthDate)
	b.Set("PID-7", birth).Set("PID-8", hl7v2.AdministrativeSex(p.Sex)).Set("PID-11.1", p.Address).Set("PID-13.1", p.Phone)
	v := &o.Visit
	b.Add("PV1").Set("PV1-1", "1").Set("PV1-2", cmp.Or(v.Class, "U")).Set("PV1-3.1", v.Location).Set("PV1-19.1", v.Number)
	for i, a := range p.Allergies {
		at := "AL1[" + strconv.Itoa(i+1) + "]"
		b.Add("AL1").Set(at+"-1", strconv.Itoa(i+1)).Set(at+"-3.2", a)
	}
}

// knownSex tells whether a sex is one of table 0001, or a word for it.
func knownSex(s string) bool {
	s = hl7v2.AdministrativeSex(s)
	return s == "" || len(s) == 1 && strings.Contains("MFOUAN", s)
}

const notSex = "is none of M, F, O, U, A, N, male, female, other, unknown, nam, nữ and khác"

// details adds what is ordered.
func (o *JSONOrder) details(b *hl7v2.Builder) {
	first := &o.Steps[0]
	start, _ := orderTime(first.Start)
	priority := priorities[strings.ToUpper(o.Priority)]
	if start != "" || priority != "" {
		b.Add("TQ1").Set("TQ1-1", "1").Set("TQ1-7", start).Set("TQ1-9.1", priority)
	}
	b.Set("ORC-7.4", start).Set("ORC-7.6", priority)
	b.Set("ORC-12.1", o.Requester.ID)
	b.SetName("ORC-12", 1, o.Requester.Name)
	b.Add("OBR").Set("OBR-1", "1").Set("OBR-2.1", o.Number).Set("OBR-2.2", o.Authority)
	for _, at := range []string{"OBR-4", "OBR-44"} {
		setCode(b, at, o.Service)
	}
	b.Set("OBR-16.1", o.Requester.ID)
	b.SetName("OBR-16", 1, o.Requester.Name)
	b.Set("OBR-18", o.Accession).Set("OBR-19", first.Procedure).Set("OBR-20", first.ID).Set("OBR-24", first.Modality)
	b.Set("OBR-27.4", start).Set("OBR-27.6", priority)
	setCode(b, "OBR-31", o.Reason)
	for i, n := range o.Notes {
		at := "NTE[" + strconv.Itoa(i+1) + "]"
		b.Add("NTE").Set(at+"-1", strconv.Itoa(i+1)).Set(at+"-3", n)
	}
	o.measures(b)
	if o.Kind == "laboratory" {
		o.specimens(b)
		return
	}
	for i := range o.Steps {
		o.step(b, i)
	}
}

func setCode(b *hl7v2.Builder, at string, c JSONCode) {
	b.Set(at+".1", c.Code).Set(at+".2", c.Name).Set(at+".3", c.System)
}

// measures adds weight and height as observations (LOINC).
func (o *JSONOrder) measures(b *hl7v2.Builder) {
	n := 0
	for _, x := range []struct {
		value            float64
		code, name, unit string
	}{{o.Patient.Weight, "29463-7", "Body weight", "kg"}, {o.Patient.Height, "8302-2", "Body height", "m"}} {
		if x.value <= 0 {
			continue
		}
		n++
		at := "OBX[" + strconv.Itoa(n) + "]"
		b.Add("OBX").Set(at+"-1", strconv.Itoa(n)).Set(at+"-2", "NM").Set(at+"-3.1", x.code).Set(at+"-3.2", x.name).Set(at+"-3.3", "LN")
		b.Set(at+"-5", strconv.FormatFloat(x.value, 'f', -1, 64)).Set(at+"-6.1", x.unit).Set(at+"-11", "F")
	}
}

func (o *JSONOrder) specimens(b *hl7v2.Builder) {
	for i, s := range o.Specimens {
		at := "SPM[" + strconv.Itoa(i+1) + "]"
		b.Add("SPM").Set(at+"-1", strconv.Itoa(i+1)).Set(at+"-2.1", s.ID)
		setCode(b, at+"-4", s.Type)
	}
}

// step adds an IPC (HL7 4.5.6).
func (o *JSONOrder) step(b *hl7v2.Builder, i int) {
	s, at := &o.Steps[i], "IPC["+strconv.Itoa(i+1)+"]"
	b.Add("IPC").Set(at+"-1.1", o.Accession).Set(at+"-2.1", s.Procedure).Set(at+"-3.1", o.Study).Set(at+"-4.1", s.ID).Set(at+"-5.1", s.Modality)
	setCode(b, at+"-6", s.Protocol)
	b.Set(at+"-7.2", s.StationName).Set(at+"-8.2", s.Location).Set(at+"-9", s.Station)
}
