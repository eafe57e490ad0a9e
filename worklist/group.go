package worklist

import (
	"iter"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// Bounds of a message that is read, and so of the memory and time that takes.
const (
	maxGroups   = 200 // orders
	maxSteps    = 100 // of one order
	maxSegments = 20_000
	maxStations = 32 // of one step
)

// group is the segments of one order of a message: an ORC with what follows it, or a further OBR below the same ORC.
type group struct {
	m        *hl7v2.Message
	pid      hl7v2.Segment
	orc, obr hl7v2.Segment
	segments []hl7v2.Segment // all, in order, ORC included
	ipcs     []hl7v2.Segment
	before   []hl7v2.Segment // TQ1 and such between ORC and OBR
	specimen []string
	further  bool   // a second OBR below one ORC
	other    string // the segment in the place of OBR that says this is no order for an observation
	foreign  bool   // it stands behind the PID of another patient than the message's first
	mixed    bool   // the message has such orders
}

// ordering are the segments that stand where OBR does in orders for something else (HL7 4.4.1).
var ordering = set("RQD RQ1 RXO RXE RXD ODS ODT BPO BPX")

// groups divides a message into orders.
func groups(m *hl7v2.Message) []*group {
	d := divider{m: m}
	for s := range m.Segments() {
		d.take(s)
		if len(d.list) > maxGroups {
			break
		}
	}
	if slices.ContainsFunc(d.list, func(g *group) bool { return g.foreign }) {
		for _, g := range d.list {
			g.mixed = true
		}
	}
	return d.list
}

// divider goes through the segments of a message.
type divider struct {
	m        *hl7v2.Message
	list     []*group
	pid      hl7v2.Segment
	specimen []string // of an SPM and SAC before its orders (OML^O33, OML^O35)
	spm      int      // how many of these the SPM named
	prior    bool     // within a group of prior results (HL7 4.4.6)
	foreign  bool     // behind the PID of another patient
	here     *group
}

func (d *divider) take(s hl7v2.Segment) {
	name := s.Name()
	switch name {
	case "MSH":
	case "PID", "PV1", "AL1":
		if name == "PID" && d.pid.Exists() && len(d.list) > 0 {
			d.foreign = patientOf(s) != patientOf(d.pid)
		}
		if d.here != nil { // the patient group stands before all orders
			d.prior = d.prior || d.hasPrior()
			return
		}
		if name == "PID" && !d.pid.Exists() {
			d.pid = s
		}
	case "ORC":
		d.order(s)
	case "OBR":
		d.observation(s)
	case "SPM", "SAC":
		d.container(s)
	default:
		d.add(s)
	}
}

// patientOf gives the first identifier of PID-3, else of PID-2, with its assigning authority.
func patientOf(pid hl7v2.Segment) [2]string {
	for _, n := range []int{3, 2} {
		v := pid.Field(n).Repetition(1)
		if id := text(v.Component(1)); id != "" {
			return [2]string{id, text(v.Component(4))}
		}
	}
	return [2]string{}
}

// hasPrior tells whether messages of the type may hold prior results, which begin with their own patient.
func (d *divider) hasPrior() bool {
	code := text(d.m.Segment(0).Field(9).Component(1))
	return code == "OMG" || code == "OML"
}

// order begins an order. Within prior results only one that asks for something ends them. Those may be of another patient, a mother or sibling; an
// order right behind that one's PID is not the first one's either.
func (d *divider) order(s hl7v2.Segment) {
	control := text(s.Field(1))
	if control == "PR" || d.prior && !set("NW CA DC OC OD XO RO RP HD RL")[control] {
		d.here, d.prior, d.foreign = nil, true, false
		return
	}
	d.prior = false
	d.here = &group{m: d.m, pid: d.pid, orc: s, segments: []hl7v2.Segment{s}, foreign: d.foreign}
	d.here.specimen = slices.Clone(d.specimen)
	d.list = append(d.list, d.here)
}

// observation adds an OBR; a second one is a further order below the same ORC.
func (d *divider) observation(s hl7v2.Segment) {
	if d.prior {
		d.foreign = false
		return
	}
	if d.foreign && d.here != nil && !d.here.foreign {
		d.here = nil
	}
	if d.here == nil || d.here.obr.Exists() {
		g := &group{m: d.m, pid: d.pid, foreign: d.foreign}
		if d.here != nil {
			g.orc, g.further = d.here.orc, true
			g.before = d.here.before
			g.segments = append(append(g.segments, g.orc), g.before...)
		}
		d.here = g
		d.list = append(d.list, g)
	}
	d.here.obr = s
	d.here.segments = append(d.here.segments, s)
}

// container notes a specimen: of the order it follows, or, where specimens come first, of those that follow it, up to the next one.
func (d *divider) container(s hl7v2.Segment) {
	ids := specimenOf(s)
	switch structure := d.m.Segment(0).Field(9).Component(2).Text(); {
	case structure != "O33" && structure != "O35":
		if d.here != nil && !d.prior {
			d.here.specimen = joined(d.here.specimen, ids)
		}
		return
	case s.Is("SPM"): // no prior result has one there: it ends them
		d.specimen, d.spm, d.prior = ids, len(ids), false
	case d.prior:
		return
	case d.here != nil: // a further container of the specimen (OML^O35)
		d.specimen = joined(d.specimen[:d.spm], ids)
	default:
		d.specimen = joined(d.specimen, ids)
	}
	d.here = nil
}

// specimenOf gives the identifiers that an SPM has, the placer's and the filler's (SPM-2.1, SPM-2.2), or the barcode of a SAC (SAC-3).
func specimenOf(s hl7v2.Segment) []string {
	if s.Is("SAC") {
		return joined(nil, []string{text(s.Field(3).Component(1).Sub(1))})
	}
	id := s.Field(2)
	return joined(nil, []string{text(id.Component(1).Sub(1)), text(id.Component(2).Sub(1))})
}

// joined adds identifiers of specimens, each once, as long as there are not too many.
func joined(to, more []string) []string {
	for _, id := range more {
		if id != "" && len(to) < maxSteps && !slices.Contains(to, id) {
			to = append(to, id)
		}
	}
	return to
}

func (d *divider) add(s hl7v2.Segment) {
	if d.prior || d.here == nil {
		return
	}
	g := d.here
	g.segments = append(g.segments, s)
	switch name := s.Name(); {
	case name == "IPC" && len(g.ipcs) < maxSteps:
		g.ipcs = append(g.ipcs, s)
	case ordering[name]:
		g.other = name
	case !g.obr.Exists():
		g.before = append(g.before, s)
	}
}

// all gives the order's segments of a name; of the message if the order has none.
func (g *group) all(name string) (list []hl7v2.Segment) {
	for _, s := range g.segments {
		if s.Is(name) {
			list = append(list, s)
		}
	}
	return list
}

// segment gives the order's first segment of a name, else the message's.
func (g *group) segment(name string) hl7v2.Segment {
	for _, s := range g.segments {
		if s.Is(name) {
			return s
		}
	}
	switch name {
	case "ORC", "OBR", "TQ1", "IPC", "NTE", "OBX", "SPM", "SAC": // those of another order are not this one's
		return hl7v2.Segment{}
	case "ZDS":
		if !g.mixed {
			return g.lastZDS()
		}
	}
	for s := range g.common() {
		if s.Is(name) {
			return s
		}
	}
	return hl7v2.Segment{}
}

// common gives the segments of the message, up to a second patient's.
func (g *group) common() iter.Seq[hl7v2.Segment] {
	return func(yield func(hl7v2.Segment) bool) {
		pids := 0
		for s := range g.m.Segments() {
			if s.Is("PID") {
				pids++
			}
			if g.mixed && pids > 1 || !yield(s) {
				return
			}
		}
	}
}

// lastZDS gives the ZDS behind the last order of a message, which then stands for all of them (IHE RAD TF-2 4.4.4.1.2).
func (g *group) lastZDS() (found hl7v2.Segment) {
	for s := range g.m.Segments() {
		switch {
		case s.Is("ZDS") && found.Exists():
			return hl7v2.Segment{}
		case s.Is("ZDS"):
			found = s
		case s.Is("OBR"):
			found = hl7v2.Segment{}
		}
	}
	return found
}

// value gives what stands at a path; ipc is the one looked at.
func (g *group) value(p hl7v2.Path, ipc hl7v2.Segment) hl7v2.Value {
	s := ipc
	if p.Segment != "IPC" {
		s = g.segment(p.Segment)
	}
	v := s.Field(p.Field).Repetition(max(p.Repetition, 1))
	if p.Component > 0 {
		v = v.Component(p.Component)
	}
	if p.Subcomponent > 0 {
		v = v.Sub(p.Subcomponent)
	}
	return v
}

// find gives the first value of a source that says something.
func (g *group) find(s Source, ipc hl7v2.Segment) hl7v2.Value {
	for _, p := range s {
		if v := g.value(p, ipc); strings.Trim(v.Text(), " ^&") != "" {
			return v
		}
	}
	return hl7v2.Value{}
}

// first gives the first component of what a source says.
func (g *group) first(s Source, ipc hl7v2.Segment) string {
	return text(g.find(s, ipc).Component(1).Sub(1))
}

// text gives a value without spaces around it; the HL7 null is empty.
func text(v hl7v2.Value) string {
	if v.Empty() || v.Null() {
		return ""
	}
	return short(strings.TrimSpace(v.Text()))
}

// maxText bounds a text in bytes: more than any value that is filled from one holds (LT: 10240 characters). The whole of it stays in the message.
const maxText = 40 << 10

func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(strings.Clone(s[:maxText]), "")
}
