package storage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// keyObjectSelection is the SOP Class of rejection notes (PS3.3 A.35.4).
const keyObjectSelection dicom.UID = "1.2.840.10008.5.1.4.1.1.88.59"

// HideRule says what a rejection note hides.
type HideRule uint8

// What it can hide.
const (
	HideNothing   HideRule = 1 // it is stored as any other object
	HideInstances HideRule = 2 // what it rejects
	HideNoteToo   HideRule = 3 // what it rejects, and the note
)

// RejectionRule says what is done for one title of rejection notes.
type RejectionRule struct {
	Hide  HideRule
	Again Again // of what arrives later; also of deletions with the code
}

// DefaultRejections are the rules for notes as IHE RAD TF-3 4.66 has them: what was rejected stays hidden, also when it comes again;
// what was expired may come back.
func DefaultRejections() map[string]RejectionRule {
	return map[string]RejectionRule{
		CodeQuality:         {HideInstances, AgainHidden},
		CodePatientSafety:   {HideInstances, AgainHidden},
		CodeWrongWorklist:   {HideInstances, AgainHidden},
		CodeRetentionPolicy: {HideNoteToo, AgainStored},
	}
}

// againOf says what is done with what comes again after a deletion with a code. Reasons of quality have the rule of that title; without a code, and
// without a rule for it, whoever sends it again wants it back.
func (a *Archive) againOf(code string) Again {
	if rule, ok := a.rejections[code]; ok {
		return rule.Again
	}
	if _, known := reasons[code]; known {
		return a.rejections[CodeQuality].Again
	}
	return AgainStored
}

// rejection is what a note that arrives says.
type rejection struct {
	code  string
	rule  RejectionRule
	items []RemovedItem
}

var (
	errForeign  = errors.New("the note rejects an instance of another facility")
	errRejected = errors.New("the instance was rejected before")
)

// maxRejected bounds the instances that one note can reject: they are hidden in one transaction, in which nobody else commits (about a second).
const maxRejected = 20_000

// readNote finds out whether an object that arrives is a rejection note, and what it rejects.
func (a *Archive) readNote(ctx context.Context, arr *arrival) error {
	served := arr
	if arr.coerced != nil {
		served = arr.coerced
	}
	if arr.bad != nil || served.rec.Manifest.SOPClass != keyObjectSelection {
		return nil
	}
	code := titleOf(served.instance)
	rule, ok := a.rejections[code]
	if !ok || rule.Hide == HideNothing {
		return nil
	}
	if known, err := a.index.HasInstance(ctx, arr.identity, arr.rec.Manifest.Digest()); known || err != nil {
		return err
	}
	o, err := a.reopen(served)
	if err != nil {
		return err
	}
	items, err := readEvidence(o)
	if err = errors.Join(err, o.Close()); err != nil {
		if !isSyntax(err) {
			return err
		}
		arr.refuse(err)
		return nil
	}
	if len(items) == 0 {
		return nil
	}
	foreign, err := a.index.Elsewhere(ctx, arr.rec.Facility, items)
	if err != nil {
		return err
	}
	if foreign != nil {
		return halong.E("storage.Store", halong.Permission, arr.identity.SOP.Loggable(), errForeign)
	}
	if rule.Hide == HideNoteToo {
		items = append(items, RemovedItem{arr.identity.Study, arr.identity.Series, arr.identity.SOP})
	}
	arr.rejection = &rejection{code: code, rule: rule, items: items}
	return nil
}

// titleOf gives the code of a document's title if it is DICOM's; with any version of the coding scheme.
func titleOf(s *dataset.Set) string {
	e := s.Get(tag.ConceptNameCodeSequence)
	if e == nil || len(e.Items) == 0 || e.Items[0].String(tag.CodingSchemeDesignator) != "DCM" {
		return ""
	}
	return e.Items[0].String(tag.CodeValue)
}

// readEvidence gives what the Current Requested Procedure Evidence Sequence (0040,A375) names: PS3.3 C.17.2.
func readEvidence(o *Object) (items []RemovedItem, err error) {
	r := o.Reader()
	for {
		t, err := r.Next()
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if t.Depth == 0 && t.Kind == dataset.SequenceStart && t.Tag == tag.CurrentRequestedProcedureEvidenceSequence {
			e, err := r.ReadSequence(t)
			if err != nil {
				return nil, err
			}
			return referenced(e.Items)
		}
	}
}

// referenced gives the instances of items of the Hierarchical SOP Instance Reference Macro (PS3.3 table C.17-3).
func referenced(studies []*dataset.Set) (items []RemovedItem, err error) {
	for _, study := range studies {
		for _, series := range below(study, tag.ReferencedSeriesSequence) {
			for _, one := range below(series, tag.ReferencedSOPSequence) {
				it := RemovedItem{study.UID(tag.StudyInstanceUID), series.UID(tag.SeriesInstanceUID), one.UID(tag.ReferencedSOPInstanceUID)}
				if !usable(it.Study) || !usable(it.Series) || !usable(it.SOP) {
					return nil, &dataset.SyntaxError{Tag: tag.ReferencedSOPInstanceUID, Reason: "a reference of the rejection note is no UID"}
				}
				if items = append(items, it); len(items) > maxRejected {
					return nil, &dataset.SyntaxError{Tag: tag.ReferencedSOPInstanceUID, Reason: fmt.Sprintf("the note rejects more than %d instances", maxRejected)}
				}
			}
		}
	}
	return items, nil
}

func below(s *dataset.Set, t dicom.Tag) []*dataset.Set {
	if e := s.Get(t); e != nil {
		return e.Items
	}
	return nil
}

// reject carries out what a note says, in the transaction in which it is stored, unless a note with its SOP Instance UID said so before.
func (a *Archive) reject(tx halong.Tx, arr *arrival) error {
	n := arr.rejection
	before, err := a.index.RejectionsBy(tx, arr.rec.Facility, []RemovedItem{{arr.identity.Study, arr.identity.Series, arr.identity.SOP}})
	if len(before) > 0 || err != nil {
		return err
	}
	d := decision{
		Action: actionRemove, Kind: Rejected, Facility: arr.rec.Facility, Study: arr.identity.Study, Series: arr.identity.Series, SOP: arr.identity.SOP,
		Code: n.code, By: arr.rec.Source, At: arr.rec.Received, Again: n.rule.Again, Items: bySeries(n.items),
	}
	_, _, err = a.record(tx, &d)
	return err
}
