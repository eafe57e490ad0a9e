package worklist

import (
	"fmt"
	"path"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// Source is where in a message a value is looked for: the first place that has one is taken.
type Source []hl7v2.Path

// ParseSource reads places: "OBR-18", "IPC-1", "TQ1-7". Segments are those of the order, else the message's first ones of that name.
func ParseSource(places ...string) (Source, error) {
	var s Source
	for _, p := range places {
		x, ok := hl7v2.ParsePath(p)
		if !ok || x.Number != 1 { // which segment is meant follows from the order
			return nil, fmt.Errorf("%q is no place in an order, such as OBR-18 or IPC-6.1", p)
		}
		s = append(s, x)
	}
	return s, nil
}

// Mapping says how orders are read from messages. The zero value reads nothing; begin with Preset.
type Mapping struct {
	Start       Source // date and time that a step is scheduled for
	Accession   Source // Accession Number
	ProcedureID Source // Requested Procedure ID
	StepID      Source // Scheduled Procedure Step ID
	Study       Source // Study Instance UID
	Procedure   Source // Requested Procedure Code, with its description
	Protocol    Source // Scheduled Protocol Code, with the step's description
	Modality    Source
	Station     Source // Scheduled Station AE Title
	StationName Source
	Location    Source // Scheduled Procedure Step Location
	Priority    Source
	Requesting  Source // Requesting Physician
	Referring   Source // Referring Physician's Name
	Performing  Source // Scheduled Performing Physician
	Admission   Source // Admission ID

	// Priorities turn a priority as sent into Requested Procedure Priority (0040,1003): STAT, HIGH, ROUTINE, MEDIUM or LOW.
	Priorities map[string]string
	// Modalities turn what stands where the modality is looked for into one (PS3.3 C.7.3.1.1.1); "" stands for none there.
	Modalities map[string]string
	// Sections are the diagnostic service sections (OBR-24, HL7 table 0074) whose orders are laboratory orders.
	Sections map[string]bool
	// Statuses give the state that Order Control Code and Order Status ask for, by "ORC-1_ORC-5", else by "ORC-1"; of others nothing
	// becomes an order.
	Statuses map[string]Status
	// Assign gives stations to steps that were sent without one; the first that fits.
	Assign []Assignment
	// CancelStarted lets a cancellation discontinue what has begun; else that goes on, and the order is marked.
	CancelStarted bool
}

// Assignment is a rule that gives a step its station. Patterns have * and ?; empty ones fit everything.
type Assignment struct {
	Modality  string
	Procedure string // code of the requested procedure or of the protocol
	Location  string // where the patient is: PV1-3, its parts joined by ^
	Sender    string // MSH-3

	Stations []string // AE titles
	As       string   // Modality of the step in place of what was sent; empty: that. Appointments name none
	Name     string   // Scheduled Station Name
	At       string   // Scheduled Procedure Step Location
}

// fits tells whether a rule is for a step.
func (a *Assignment) fits(modality, location, sender string, codes ...string) bool {
	like := func(pattern, value string) bool {
		ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(value, "/", "\x00"))
		return pattern == "" || ok && err == nil
	}
	procedure := a.Procedure == ""
	for _, c := range codes {
		procedure = procedure || c != "" && like(a.Procedure, c)
	}
	return procedure && like(a.Modality, modality) && like(a.Location, location) && like(a.Sender, sender)
}

// Check tells whether a pattern of the rule is not one.
func (a *Assignment) Check() error {
	for _, p := range []string{a.Modality, a.Procedure, a.Location, a.Sender} {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", p, err)
		}
	}
	if len(a.Stations) == 0 {
		return fmt.Errorf("no station")
	}
	return nil
}

// at is ParseSource for places written in this package, which are right: see TestPresets.
func at(places ...string) Source {
	s, _ := ParseSource(places...)
	return s
}

// The presets.
const (
	PresetIHE      = "ihe"
	PresetDcm4chee = "dcm4chee"
)

// Preset gives a mapping that is known: PresetIHE follows IHE Radiology's RAD-4 (OMI with IPC, ORM with ZDS), PresetDcm4chee what dcm4chee-arc does
// without configuration. They differ in where start and procedure code are looked for, in two priorities, and in which
// Order Statuses count.
func Preset(name string) (Mapping, bool) {
	m := Mapping{
		Accession: at("IPC-1", "OBR-18"), ProcedureID: at("IPC-2", "OBR-19"), StepID: at("IPC-4", "OBR-20"),
		Study: at("IPC-3", "ZDS-1"), Modality: at("IPC-5", "OBR-24"), Station: at("IPC-9"), StationName: at("IPC-7"),
		Location: at("IPC-8"), Requesting: at("OBR-16", "ORC-12"), Referring: at("PV1-8"), Performing: at("OBR-34"),
		Admission: at("PV1-19", "PID-18"), Priority: at("TQ1-9", "OBR-27.6", "ORC-7.6", "OBR-5"),
		Modalities: map[string]string{
			"CUS": "US", "OUS": "US", "RUS": "US", "VUS": "US", "CTH": "XA", "EC": "ECG", "NMS": "NM", "NMR": "MR", "MRI": "MR", "XR": "DX", "RX": "DX",
			"RAD": "DX", "XRC": "RF", "OTH": "OT", "": "OT", "EN": "ES", "RUL": "OT",
		},
		Sections: set("LAB BG BLB CG CH CP HM IMM LB MB MCB MYC OSL SP SR TX VR"),
		Statuses: map[string]Status{},
	}
	switch name {
	case PresetIHE:
		m.Start = at("OBR-27.4", "TQ1-7", "ORC-7.4", "OBR-36")
		m.Procedure, m.Protocol = at("OBR-4", "OBR-44"), at("IPC-6", "OBR-4")
		m.ProcedureID = append(m.ProcedureID, at("OBR-2", "ORC-2")...)
		m.Priorities = map[string]string{"S": "STAT", "A": "HIGH", "P": "HIGH", "T": "MEDIUM", "R": "ROUTINE", "C": "STAT"}
		m.Statuses = iheStatuses()
	case PresetDcm4chee:
		m.Start = at("TQ1-7", "ORC-7.4", "OBR-27.4")
		m.Procedure, m.Protocol = at("OBR-44"), at("IPC-6", "OBR-4")
		m.Priorities = map[string]string{"S": "STAT", "A": "HIGH", "P": "HIGH", "C": "HIGH", "T": "MEDIUM", "R": "ROUTINE"}
		m.Statuses = map[string]Status{
			"NW_SC": Scheduled, "NW_IP": Scheduled, "XO_SC": Scheduled, "XO_CM": Completed, "SC_CM": Completed, "SC_A": Completed,
			"CA_CA": Cancelled, "DC_CA": Discontinued,
		}
	default:
		return Mapping{}, false
	}
	return m, true
}

// iheStatuses are what the codes of tables 0119 and 0038 mean; many systems leave ORC-5 empty, so that ORC-1 alone counts.
func iheStatuses() map[string]Status {
	m := map[string]Status{}
	for code := range set("NW RO PA CH XO XX XR SN NA RL OE OR SC") {
		m[code] = Scheduled
		m[code+"_CM"], m[code+"_CA"], m[code+"_DC"], m[code+"_HD"] = Completed, Cancelled, Discontinued, Held
		m[code+"_RP"] = Cancelled
	}
	delete(m, "NW_CA") // contradicts itself: what is new cannot be cancelled
	for _, code := range []string{"XO", "XX", "SC", "XR"} {
		m[code+"_IP"], m[code+"_A"] = Started, Completed
	}
	for code := range set("CA OC CR RP RU RQ") {
		m[code] = Cancelled
	}
	for code := range set("DC OD DR") {
		m[code] = Discontinued
	}
	for code := range set("HD OH HR") {
		m[code] = Held
	}
	return m
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// status finds what an order control code and an order status ask for.
func (m *Mapping) status(control, state string) (Status, bool) {
	if s, ok := m.Statuses[control+"_"+state]; ok {
		return s, true
	}
	s, ok := m.Statuses[control]
	return s, ok
}
