package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong/worklist"
)

// Worklist says how orders are read, what modalities see of them, and what becomes of what they perform.
type Worklist struct {
	Preset        string            `yaml:"preset"`         // ihe | dcm4chee: where in messages things are looked for
	Start         []string          `yaml:"start"`          // instead of the preset's: TQ1-7, OBR-27.4 …
	ProcedureCode []string          `yaml:"procedure_code"` // OBR-4 or OBR-44
	ProtocolCode  []string          `yaml:"protocol_code"`
	Accession     []string          `yaml:"accession"`
	ProcedureID   []string          `yaml:"procedure_id"` // Requested Procedure ID
	StepID        []string          `yaml:"step_id"`      // Scheduled Procedure Step ID
	Study         []string          `yaml:"study"`        // Study Instance UID
	Station       []string          `yaml:"station"`
	Modality      []string          `yaml:"modality"`
	Priority      []string          `yaml:"priority"`
	Priorities    map[string]string `yaml:"priorities"` // added to the preset's: {T: HIGH}
	Modalities    map[string]string `yaml:"modalities"` // added to the preset's: {XRAY: DX}
	Status        map[string]string `yaml:"status"`     // added to the preset's: {NW_IP: scheduled}; "ignore" takes one away
	Assign        []Assignment      `yaml:"assign"`     // stations of steps that come without one

	CancelStarted string   `yaml:"cancel_started"` // keep | discontinue: what a cancellation does to a step that has begun
	HideStarted   bool     `yaml:"hide_started"`   // steps that have begun are not answered
	HidePast      Duration `yaml:"hide_past"`      // steps that should have begun longer ago are not answered; 0: they are
	Workitems     bool     `yaml:"workitems"`      // orders are Unified Procedure Steps too

	Stations []WorklistStation `yaml:"stations"` // what holds for single modalities
	Images   WorklistImages    `yaml:"images"`
	MPPS     MPPS              `yaml:"mpps"`
}

// Assignment gives a step that comes without a station one, by where it came from and what it is; empty patterns fit everything.
type Assignment struct {
	Modality    string   `yaml:"modality"`  // of the step; * and ?
	Procedure   string   `yaml:"procedure"` // code of the requested procedure or the protocol
	Location    string   `yaml:"location"`  // of the patient: PV1-3
	Sender      string   `yaml:"sender"`    // MSH-3
	Stations    []string `yaml:"stations"`  // AE titles
	Name        string   `yaml:"name"`      // Scheduled Station Name
	At          string   `yaml:"at"`        // Scheduled Procedure Step Location
	SetModality string   `yaml:"set_modality"`
}

// WorklistStation is what holds for one modality.
type WorklistStation struct {
	AE      string   `yaml:"ae"`      // calling AE title
	Sees    []string `yaml:"sees"`    // it is answered only steps for these stations; everything when empty
	Charset string   `yaml:"charset"` // of all its answers: ISO_IR 6, ISO_IR 100 or ISO_IR 192; by its query when empty
}

// WorklistImages says how images close the steps they were made for, where the modality has no MPPS.
type WorklistImages struct {
	Close bool     `yaml:"close"`
	After Duration `yaml:"after"` // the last object of a study
}

// MPPS says how Modality Performed Procedure Steps are taken.
type MPPS struct {
	Lenient bool     `yaml:"lenient"` // attributes that PS3.4 table F.7.2-1 demands may be missing
	Forward []string `yaml:"forward"` // AE titles of dicom.destinations that get each
	Tries   int      `yaml:"tries"`   // of each request
}

// Policies of worklist.cancel_started.
const (
	CancelKeep        = "keep"
	CancelDiscontinue = "discontinue"
)

func defaultWorklist() Worklist {
	return Worklist{
		Preset: worklist.PresetIHE, CancelStarted: CancelKeep, Workitems: true,
		Images: WorklistImages{Close: true, After: Duration(10 * time.Minute)}, MPPS: MPPS{Tries: 500},
	}
}

// OrderMapping gives how orders are read.
func (c *Config) OrderMapping() (worklist.Mapping, error) {
	w := &c.Worklist
	var errs []error
	m, ok := worklist.Preset(w.Preset)
	if !ok { // the rest is looked at all the same
		errs = append(errs, wrong("worklist.preset", "%q is neither %s nor %s", w.Preset, worklist.PresetIHE, worklist.PresetDcm4chee))
		m, _ = worklist.Preset(worklist.PresetIHE)
	}
	for _, s := range []struct {
		key    string
		places []string
		to     *worklist.Source
	}{
		{"start", w.Start, &m.Start},
		{"procedure_code", w.ProcedureCode, &m.Procedure},
		{"protocol_code", w.ProtocolCode, &m.Protocol},
		{"accession", w.Accession, &m.Accession},
		{"procedure_id", w.ProcedureID, &m.ProcedureID},
		{"step_id", w.StepID, &m.StepID},
		{"study", w.Study, &m.Study},
		{"priority", w.Priority, &m.Priority},
		{"station", w.Station, &m.Station},
		{"modality", w.Modality, &m.Modality},
	} {
		if len(s.places) == 0 {
			continue
		}
		source, err := worklist.ParseSource(s.places...)
		if err != nil {
			errs = append(errs, wrong("worklist."+s.key, "%w", err))
		}
		*s.to = source
	}
	errs = append(errs, w.words(&m), w.assignments(&m))
	m.CancelStarted = w.CancelStarted == CancelDiscontinue
	return m, errors.Join(errs...)
}

// requestedPriorities are the values of Requested Procedure Priority (0040,1003).
var requestedPriorities = []string{"STAT", "HIGH", "ROUTINE", "MEDIUM", "LOW"}

// codeString tells whether a word can be a Modality (CS, PS3.5 6.2); small letters become capitals.
func codeString(s string) bool {
	return s != "" && len(s) <= 16 && strings.Trim(strings.ToUpper(s), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// words adds the tables of words.
func (w *Worklist) words(m *worklist.Mapping) error {
	var errs []error
	for k, v := range w.Priorities {
		p := strings.ToUpper(v)
		if !slices.Contains(requestedPriorities, p) {
			errs = append(errs, wrong("worklist.priorities."+k, "%q is none of %s", v, strings.Join(requestedPriorities, ", ")))
		}
		m.Priorities[strings.ToUpper(k)] = p
	}
	for k, v := range w.Modalities {
		if !codeString(v) {
			errs = append(errs, wrong("worklist.modalities."+k, "%q is no modality, such as DX", v))
		}
		m.Modalities[strings.ToUpper(k)] = strings.ToUpper(v)
	}
	for k, v := range w.Status {
		s := worklist.Status(strings.ToLower(v))
		switch up := strings.ToUpper(k); {
		case v == "ignore":
			delete(m.Statuses, up)
		case s.Known():
			m.Statuses[up] = s
		default:
			errs = append(errs, wrong("worklist.status."+k, "%q is neither a state nor ignore", v))
		}
	}
	if w.CancelStarted != CancelKeep && w.CancelStarted != CancelDiscontinue {
		errs = append(errs, wrong("worklist.cancel_started", "%q is neither %s nor %s", w.CancelStarted, CancelKeep, CancelDiscontinue))
	}
	return errors.Join(errs...)
}

func (w *Worklist) assignments(m *worklist.Mapping) error {
	var errs []error
	for i, a := range w.Assign {
		x := worklist.Assignment{
			Modality: a.Modality, Procedure: a.Procedure, Location: a.Location, Sender: a.Sender,
			Stations: trimmed(a.Stations), Name: a.Name, At: a.At, As: strings.ToUpper(a.SetModality),
		}
		key := fmt.Sprintf("worklist.assign[%d]", i)
		if err := x.Check(); err != nil {
			errs = append(errs, wrong(key, "%w", err))
		}
		for k, ae := range x.Stations {
			if ae == "" || len(ae) > 16 {
				errs = append(errs, wrong(fmt.Sprintf("%s.stations[%d]", key, k), "%q is no AE title", a.Stations[k]))
			}
		}
		if a.SetModality != "" && !codeString(a.SetModality) {
			errs = append(errs, wrong(key+".set_modality", "%q is no modality, such as DX", a.SetModality))
		}
		m.Assign = append(m.Assign, x)
	}
	return errors.Join(errs...)
}

// checkWorklist checks all of it.
func (c *Config) checkWorklist() error {
	_, err := c.OrderMapping()
	errs := []error{err}
	w := &c.Worklist
	for i, s := range w.Stations {
		key := fmt.Sprintf("worklist.stations[%d]", i)
		if ae := strings.TrimSpace(s.AE); ae == "" || len(ae) > 16 {
			errs = append(errs, wrong(key+".ae", "%q is no AE title", s.AE))
		}
		if slices.ContainsFunc(w.Stations[:i], func(o WorklistStation) bool { return strings.TrimSpace(o.AE) == strings.TrimSpace(s.AE) }) {
			errs = append(errs, wrong(key+".ae", "%q is there twice", s.AE))
		}
		if s.Charset != "" && !slices.Contains([]string{"ISO_IR 6", "ISO_IR 100", "ISO_IR 192"}, s.Charset) {
			errs = append(errs, wrong(key+".charset", "%q is none of ISO_IR 6, ISO_IR 100 and ISO_IR 192", s.Charset))
		}
	}
	for i, ae := range w.MPPS.Forward {
		if c.DICOMDestination(ae) == nil {
			errs = append(errs, wrong(fmt.Sprintf("worklist.mpps.forward[%d]", i), "%q is not one of dicom.destinations", ae))
		}
	}
	if w.MPPS.Tries < 1 {
		errs = append(errs, wrong("worklist.mpps.tries", "must be more than 0"))
	}
	return errors.Join(errs...)
}
