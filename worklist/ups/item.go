package ups

import (
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// SOPClass is that of all workitems, however they are reached (PS3.4 CC.3.1).
const SOPClass dicom.UID = "1.2.840.10008.5.1.4.34.6.1"

// The well-known instances that stand for subscriptions to many workitems (PS3.4 CC.2.3).
const (
	Worklist         dicom.UID = "1.2.840.10008.5.1.4.34.5"
	FilteredWorklist dicom.UID = "1.2.840.10008.5.1.4.34.5.1"
)

// Item is one workitem.
type Item struct {
	Facility    halong.Facility
	UID         dicom.UID
	State       State
	Transaction dicom.UID // of who performs it; never shown
	Revision    uint64    // how many changes it has seen
	Created     time.Time // UTC, microseconds
	Changed     time.Time
	// Attributes are those of PS3.3 B.26, text in UTF-8, without Transaction UID; nil when deleted.
	Attributes *dataset.Set
}

// Starts gives Scheduled Procedure Step Start DateTime as it was sent.
func (it *Item) Starts() string { return it.Attributes.String(tag.ScheduledProcedureStepStartDateTime) }

// with gives the workitem as it is after a change of state or attributes.
func (it *Item) with(state State, attrs *dataset.Set, at time.Time) *Item {
	next := *it
	next.State, next.Attributes, next.Changed = state, attrs, at
	next.Attributes.PutString(tag.ProcedureStepState, dicom.CS, state.String())
	next.Attributes.PutString(tag.ScheduledProcedureStepModificationDateTime, dicom.DT, dateTime(at))
	return &next
}

// dateTime writes a time as DT, in UTC with its offset.
func dateTime(t time.Time) string { return t.UTC().Format("20060102150405.000000") + "+0000" }

// clone copies a set as far as it is changed by Put and Delete at its top level.
func clone(s *dataset.Set) *dataset.Set { return &dataset.Set{Elements: slices.Clone(s.Elements)} }

// hasValue tells whether an element has one (a sequence: an item).
func hasValue(e *dataset.Element) bool {
	if e == nil {
		return false
	}
	if len(e.Items) > 0 || len(e.Fragments) > 0 {
		return true
	}
	for _, c := range e.Value {
		if c != ' ' && c != 0 {
			return true
		}
	}
	return false
}

// equal tells whether two elements say the same.
func equal(a, b *dataset.Element) bool {
	return string(encodeElement(a)) == string(encodeElement(b))
}

func encodeElement(e *dataset.Element) []byte {
	if e == nil {
		return nil
	}
	return (&dataset.Set{Elements: []dataset.Element{*e}}).Append(nil, syntax)
}

// syntax is how attributes are encoded in records.
var syntax = &dicom.TransferSyntax{UID: dicom.ExplicitVRLittleEndian, ExplicitVR: true, Pixels: true}
