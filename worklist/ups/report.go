package ups

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

// EventType is an Event Type ID of PS3.4 table CC.2.4-1.
type EventType uint16

// The types of event reports.
const (
	StateReport     EventType = 1
	CancelRequested EventType = 2
	ProgressReport  EventType = 3
	StatusChange    EventType = 4 // of the SCP itself
	Assigned        EventType = 5
)

var eventNames = map[EventType]string{StateReport: "state", CancelRequested: "cancel requested", ProgressReport: "progress", StatusChange: "scp status", Assigned: "assigned"}

// String gives the type in lower-case words, as the change feed shows it.
func (t EventType) String() string { return eventNames[t] }

// Report is one event report that waits for a subscriber.
type Report struct {
	ID       int64 // the index's own, in the order of events; not stable across reindex
	Facility halong.Facility
	AE       dicom.AETitle
	Key      uint64 // tells the report from the subscriber's others; the same after reindex
	Type     EventType
	UID      dicom.UID // of the workitem
	Info     []byte    // the attributes of table CC.2.4-1: one object of the DICOM JSON Model
	At       time.Time
}

// Frame gives the report as it is sent (PS3.18 11.13): the attributes with those of the command.
func (r *Report) Frame(message uint16) []byte {
	b := make([]byte, 0, 256+len(r.Info))
	text := func(t, vr, v string) { b = append(b, `"`+t+`":{"vr":"`+vr+`","Value":[`+v+`]}`...) }
	b = append(b, '{')
	text("00000002", "UI", strconv.Quote(string(SOPClass)))
	b = append(b, ',')
	text("00000110", "US", strconv.Itoa(int(message)))
	b = append(b, ',')
	text("00001000", "UI", strconv.Quote(string(r.UID)))
	b = append(b, ',')
	text("00001002", "US", strconv.Itoa(int(r.Type)))
	if len(r.Info) > 2 {
		return append(append(b, ','), r.Info[1:]...)
	}
	return append(b, '}')
}

// occurrence is what is reported of a workitem, to whoever is subscribed.
type occurrence struct {
	kind EventType
	info *dataset.Set
}

// report makes the report of an occurrence; n counts those of one change.
func (o occurrence) report(it *Item, at time.Time, n int) Report {
	r := Report{Facility: it.Facility, Type: o.kind, UID: it.UID, Info: dicomjson.AppendSet(nil, o.info, dicomjson.Options{}), At: at}
	h := sha256.New()
	h.Write([]byte(it.Facility + "\x00" + halong.Facility(it.UID) + "\x00"))
	var b [26]byte
	binary.BigEndian.PutUint64(b[:], it.Revision)
	binary.BigEndian.PutUint64(b[8:], uint64(at.UnixMicro()))
	binary.BigEndian.PutUint16(b[16:], uint16(o.kind))
	binary.BigEndian.PutUint64(b[18:], uint64(n))
	h.Write(b[:])
	h.Write(r.Info)
	r.Key = binary.BigEndian.Uint64(h.Sum(nil))
	return r
}

// occurrences tells what is to be reported of a change (PS3.4 CC.2.4.3); before is nil for a new workitem.
func occurrences(before, after *Item) (list []occurrence) {
	old := &dataset.Set{}
	if before != nil {
		old = before.Attributes
	}
	changed := func(t dicom.Tag) bool { return !equal(old.Get(t), after.Attributes.Get(t)) }
	if before == nil || before.State != after.State || changed(tag.InputReadinessState) {
		list = append(list, stateOf(after))
	}
	if now := progress(after.Attributes); now != nil && before != nil && before.State == after.State && string(encodeElement(now)) != string(encodeElement(progress(old))) {
		list = append(list, occurrence{ProgressReport, &dataset.Set{Elements: []dataset.Element{*now}}})
	}
	return append(list, assignments(after.Attributes, changed)...)
}

// progress gives the Procedure Step Progress Information Sequence with what is progress in it; nil if there is none.
func progress(s *dataset.Set) *dataset.Element {
	e := s.Get(tag.ProcedureStepProgressInformationSequence)
	if e == nil {
		return nil
	}
	out := dataset.Element{Tag: e.Tag, VR: e.VR}
	for _, item := range e.Items {
		p := pick(item, tag.ProcedureStepProgress, tag.ProcedureStepProgressDescription, tag.ProcedureStepProgressParametersSequence, tag.ProcedureStepCommunicationsURISequence)
		if len(p.Elements) > 0 {
			out.Items = append(out.Items, p)
		}
	}
	if len(out.Items) == 0 {
		return nil
	}
	return &out
}

// stateOf tells the current state; of a canceled workitem, why.
func stateOf(it *Item) occurrence {
	info := pick(it.Attributes, tag.ProcedureStepState, tag.InputReadinessState)
	if e := it.Attributes.Get(tag.ProcedureStepProgressInformationSequence); it.State == Canceled && e != nil {
		for _, item := range e.Items {
			for _, t := range []dicom.Tag{tag.ReasonForCancellation, tag.ProcedureStepDiscontinuationReasonCodeSequence} {
				if v := item.Get(t); hasValue(v) {
					info.Put(*v)
				}
			}
		}
	}
	return occurrence{StateReport, info}
}

// assignments tells the station and each human performer, as far as they changed and there is one.
func assignments(s *dataset.Set, changed func(dicom.Tag) bool) (list []occurrence) {
	station := &dataset.Set{}
	if t := tag.ScheduledStationNameCodeSequence; changed(t) && hasValue(s.Get(t)) {
		station = pick(s, t)
	}
	if performers := s.Get(tag.ScheduledHumanPerformersSequence); hasValue(performers) && changed(tag.ScheduledHumanPerformersSequence) {
		for _, p := range performers.Items {
			info := clone(station)
			for _, t := range []dicom.Tag{tag.HumanPerformerCodeSequence, tag.HumanPerformerOrganization} {
				if e := p.Get(t); e != nil {
					info.Put(*e)
				}
			}
			list = append(list, occurrence{Assigned, info})
		}
		return list
	}
	if len(station.Elements) > 0 {
		list = append(list, occurrence{Assigned, station})
	}
	return list
}

// pick copies elements that are there.
func pick(s *dataset.Set, tags ...dicom.Tag) *dataset.Set {
	out := &dataset.Set{}
	for _, t := range tags {
		if e := s.Get(t); e != nil {
			out.Put(*e)
		}
	}
	return out
}

// Change is the payload of the event workitem.changed: what other programs are told. It holds no patient data.
type Change struct {
	Workitem dicom.UID `json:"workitem"`
	Event    string    `json:"event"` // "state", "progress", "assigned", "cancel requested", "updated" or "deleted"
	State    string    `json:"state"`
	Ready    string    `json:"readiness,omitempty"` // Input Readiness State
	Revision uint64    `json:"revision"`
}

// StatusReport is the report that the SCP itself was started again, or stops (PS3.4 CC.2.4.1). Its lists are always kept.
func StatusReport(restarted bool) Report {
	status := "GOING DOWN"
	if restarted {
		status = "RESTARTED"
	}
	info := &dataset.Set{}
	info.PutString(tag.SCPStatus, dicom.CS, status)
	info.PutString(tag.SubscriptionListStatus, dicom.CS, "WARM START")
	info.PutString(tag.UnifiedProcedureStepListStatus, dicom.CS, "WARM START")
	return Report{Type: StatusChange, UID: Worklist, Info: dicomjson.AppendSet(nil, info, dicomjson.Options{})}
}
