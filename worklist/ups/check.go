package ups

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

// maxWorkitem bounds a workitem in bytes, as it is encoded.
const maxWorkitem = 1 << 20

// normalize takes out what is no part of a workitem (elements of the command and file meta groups, group lengths), and gives
// attributes of the table the VR of the dictionary: peers send times as LO. A value where a sequence belongs, or the
// other way round, is refused.
func normalize(op string, uid dicom.UID, s *dataset.Set) (*dataset.Set, error) {
	out := clone(s)
	out.Elements = slices.DeleteFunc(out.Elements, func(e dataset.Element) bool { return e.Tag.Group() < 8 || e.Tag.Element() == 0 })
	return out, settle(op, uid, out, rules)
}

func settle(op string, uid dicom.UID, s *dataset.Set, list []rule) error {
	for i := range list {
		r := &list[i]
		e := s.Get(r.tag)
		if e == nil {
			continue
		}
		vr := dicom.VROf(r.tag)
		if (e.VR == dicom.SQ) != (vr == dicom.SQ) {
			if hasValue(e) {
				return refuse(op, uid, Refusal{Status: InvalidValue, Reason: "its value representation is another", Tag: r.tag})
			}
			*e = dataset.Element{Tag: r.tag, VR: vr}
		}
		if isString(vr) && !isString(e.VR) && hasValue(e) {
			return refuse(op, uid, Refusal{Status: InvalidValue, Reason: "its value representation is another", Tag: r.tag})
		}
		if e.VR != vr && isString(e.VR) && isString(vr) {
			s.PutString(r.tag, vr, s.Strings(r.tag)...) // with the padding of its VR
		}
		for _, item := range e.Items {
			if err := settle(op, uid, item, r.items); err != nil {
				return err
			}
		}
	}
	return nil
}

// isString tells whether values of the VR are characters (PS3.5 6.2).
func isString(v dicom.VR) bool {
	switch v {
	case dicom.AE, dicom.AS, dicom.CS, dicom.DA, dicom.DS, dicom.DT, dicom.IS, dicom.LO, dicom.LT, dicom.PN, dicom.SH, dicom.ST, dicom.TM, dicom.UC,
		dicom.UI, dicom.UR, dicom.UT:
		return true
	}
	return false
}

// checkCreate holds attributes against the column N-CREATE of the table, and gives the workitem's: with those of type 2 that lack
// put in empty (filled tells whether any was), and those that the SCP gives.
func checkCreate(op string, uid dicom.UID, s *dataset.Set, label string) (out *dataset.Set, filled bool, err error) {
	if out, err = normalize(op, uid, s); err != nil {
		return nil, false, err
	}
	if v := out.String(tag.ProcedureStepState); v != "" && v != Scheduled.String() {
		return nil, false, refuse(op, uid, Refusal{Status: NotScheduled, Reason: "a workitem is created SCHEDULED", Tag: tag.ProcedureStepState})
	}
	err = identify(op, uid, out)
	for i := range rules {
		r := &rules[i]
		e := out.Get(r.tag)
		switch {
		case err != nil:
			return nil, false, err
		case r.create == own:
			out.Delete(r.tag)
		case r.create == empty && e == nil:
			out.Put(dataset.Element{Tag: r.tag, VR: dicom.VROf(r.tag)})
		case r.create == two && e == nil:
			out.Put(dataset.Element{Tag: r.tag, VR: dicom.VROf(r.tag)})
			filled = filled || r.tag != tag.WorklistLabel
		default:
			err = r.check(op, uid, r.create, e, func(r *rule) use { return r.create })
		}
	}
	if err != nil {
		return nil, false, err
	}
	out.Delete(tag.TransactionUID)
	if !hasValue(out.Get(tag.WorklistLabel)) {
		out.PutString(tag.WorklistLabel, dicom.LO, label)
	}
	return out, filled, checkValues(op, uid, out)
}

// identify puts the UIDs in that every workitem bears, and refuses others.
func identify(op string, uid dicom.UID, s *dataset.Set) error {
	for _, x := range []struct {
		tag dicom.Tag
		uid dicom.UID
	}{{tag.SOPClassUID, SOPClass}, {tag.SOPInstanceUID, uid}} {
		if have := s.UID(x.tag); have != "" && have != x.uid {
			return refuse(op, uid, Refusal{Status: InvalidValue, Reason: "it is not that of the workitem", Tag: x.tag})
		}
		s.PutString(x.tag, dicom.UI, string(x.uid))
	}
	return nil
}

// checkSet holds changes against the column N-SET of the table, and gives the attributes after them.
func checkSet(op string, it *Item, changes *dataset.Set) (*dataset.Set, error) {
	c, err := normalize(op, it.UID, changes)
	if err != nil {
		return nil, err
	}
	out := clone(it.Attributes)
	for i := range c.Elements {
		e := &c.Elements[i]
		r := ruleOf(e.Tag)
		if r == nil {
			out.Put(*e)
			continue
		}
		switch {
		case e.Tag == tag.TransactionUID, r.set == own: // the one was looked at, the other is ours
			continue
		case r.set == fixed:
			if !equal(e, it.Attributes.Get(e.Tag)) {
				return nil, refuse(op, it.UID, Refusal{Status: InvalidValue, Reason: "it cannot be changed", Tag: e.Tag})
			}
			continue
		}
		if err := r.check(op, it.UID, r.set, e, func(r *rule) use { return r.set }); err != nil {
			return nil, err
		}
		out.Put(*e)
	}
	return out, checkValues(op, it.UID, out)
}

// check holds an element, nil if there is none, against what an operation may do with it.
func (r *rule) check(op string, uid dicom.UID, u use, e *dataset.Element, of func(*rule) use) error {
	wrong := Refusal{Tag: r.tag}
	switch {
	case u == one && e == nil:
		wrong.Status, wrong.Reason = MissingAttribute, "it is missing"
	case u == one && !hasValue(e), u == valued && e != nil && !hasValue(e):
		wrong.Status, wrong.Reason = MissingValue, "it has no value"
	case u == empty && hasValue(e):
		wrong.Status, wrong.Reason = InvalidValue, "it must be empty"
	case e == nil:
		return nil
	default:
		for _, item := range e.Items {
			if err := r.checkItem(op, uid, item, of); err != nil {
				return err
			}
		}
		return nil
	}
	return refuse(op, uid, wrong)
}

func (r *rule) checkItem(op string, uid dicom.UID, item *dataset.Set, of func(*rule) use) error {
	if len(r.items) > 0 && &r.items[0] == &code[0] && !coded(item) {
		return refuse(op, uid, Refusal{Status: MissingAttribute, Reason: "an item has no code", Tag: r.tag})
	}
	for i := range r.items {
		inner := &r.items[i]
		if err := inner.check(op, uid, of(inner), item.Get(inner.tag), of); err != nil {
			return err
		}
	}
	return nil
}

// coded tells whether an item holds a code: as a URN, or with the scheme that it belongs to (PS3.3 table 8.8-1).
func coded(item *dataset.Set) bool {
	if hasValue(item.Get(tag.URNCodeValue)) {
		return true
	}
	return (hasValue(item.Get(tag.CodeValue)) || hasValue(item.Get(tag.LongCodeValue))) && hasValue(item.Get(tag.CodingSchemeDesignator))
}

// checkValues looks at values that others rely on, whatever sent them.
func checkValues(op string, uid dicom.UID, s *dataset.Set) error {
	if t, reason := badValue(rules, s); reason != "" {
		return refuse(op, uid, Refusal{Status: InvalidValue, Reason: reason, Tag: t})
	}
	if len(s.Append(nil, syntax)) > maxWorkitem {
		return refuse(op, uid, Refusal{Status: InvalidValue, Reason: "the workitem is too large"})
	}
	return nil
}

// badValue finds a value that is none of the defined terms, or no date and time; the reason is empty when there is none.
func badValue(list []rule, s *dataset.Set) (dicom.Tag, string) {
	for i := range list {
		r := &list[i]
		e := s.Get(r.tag)
		if e == nil {
			continue
		}
		for _, item := range e.Items {
			if t, reason := badValue(r.items, item); reason != "" {
				return t, reason
			}
		}
		v := s.Strings(r.tag)
		if len(v) == 0 {
			continue
		}
		if r.terms != nil && (len(v) > 1 || !slices.Contains(r.terms, v[0])) {
			return r.tag, "its value is not one of those that are defined"
		}
		if dicom.VROf(r.tag) != dicom.DT {
			continue
		}
		if _, ok := query.NormalizeDateTime(v[0]); !ok || len(v) > 1 {
			return r.tag, "its value is no date and time"
		}
	}
	return 0, ""
}

// unmet gives the first attribute that keeps a workitem from a final state; ok when there is none.
func unmet(list []rule, s *dataset.Set, to State) (t dicom.Tag, ok bool) {
	for i := range list {
		r := &list[i]
		e := s.Get(r.tag)
		wanted := r.final == required || r.final == perform && to == Completed || r.final == cancel && to == Canceled
		if wanted && !hasValue(e) || r.final == exists && to == Completed && e == nil {
			return r.tag, false
		}
		if !wanted || e == nil {
			continue
		}
		for _, item := range e.Items {
			if t, ok := unmet(r.items, item, to); !ok {
				return t, false
			}
		}
	}
	return 0, true
}
