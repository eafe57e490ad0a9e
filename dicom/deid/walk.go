package deid

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// items de-identifies a data set or an item of one. Of elements with the same tag, which no data set may have,
// the first is kept.
func (r *run) items(s *dataset.Set) {
	safe := r.safePrivate(s)
	var last dicom.Tag
	s.Elements = slices.DeleteFunc(s.Elements, func(e dataset.Element) bool {
		twice := e.Tag == last
		last = e.Tag
		return twice || e.Tag.IsPrivate() && !safe[e.Tag] || e.Tag.Element() == 0
	})
	for i := 0; i < len(s.Elements); {
		if r.element(s, &s.Elements[i]) {
			i++
			continue
		}
		s.Elements = slices.Delete(s.Elements, i, i+1)
	}
}

// element carries out what the profile says of one attribute; false: it is to be removed.
func (r *run) element(s *dataset.Set, e *dataset.Element) bool {
	switch {
	case e.Tag == tag.PatientName, e.Tag == tag.PatientID:
		set(e, r.key.pseudonym(r.patient))
		return true
	case e.Tag == tag.SpecificCharacterSet:
		return true
	case e.Tag.IsPrivate():
		r.below(e)
		return true
	case e.Tag == tag.EncryptedAttributesSequence:
		return false // somebody else's key may open it
	}
	if e.Tag == tag.TextValue || e.Tag == tag.UnformattedTextValue {
		if !r.strict && (r.content || r.on[CleanDescriptors]) {
			r.cleanText(s, e)
		} else {
			r.putDummy(s, e)
		}
		return true
	}
	switch act := actionFor(e.Tag, e.VR, &r.on); act {
	case remove:
		return false
	case empty:
		*e = dataset.Element{Tag: e.Tag, VR: e.VR, Value: []byte{}}
	case dummy:
		r.putDummy(s, e)
	case replace:
		r.replaceUIDs(s, e)
	case clean:
		r.clean(s, e)
	case descend, keep:
		r.below(e)
	default:
		r.rest(s, e)
	}
	return true
}

// below de-identifies the items of a sequence.
func (r *run) below(e *dataset.Element) {
	for _, item := range e.Items {
		r.items(item)
	}
}

// clean takes out what identifies (PS3.15 E.3).
func (r *run) clean(s *dataset.Set, e *dataset.Element) {
	switch e.VR {
	case dicom.SQ:
		in := *r
		in.content = true
		in.below(e)
	case dicom.DA, dicom.DT, dicom.TM:
		if r.patient == "" { // there is nobody whose dates could be kept together
			*e = dataset.Element{Tag: e.Tag, VR: e.VR, Value: []byte{}}
			return
		}
		set(e, shifted(e.VR, s.Strings(e.Tag), r.days)...)
	case dicom.UI:
		r.replaceUIDs(s, e)
	default:
		if e.Tag == tag.TimezoneOffsetFromUTC {
			return // it goes with times of day, which stay
		}
		if e.VR.IsBulk() || e.VR.WordSize() > 1 {
			*e = dataset.Element{Tag: e.Tag, VR: e.VR, Value: []byte{}}
			return
		}
		r.cleanText(s, e)
	}
}

// rest is for attributes that the profile does not list.
func (r *run) rest(s *dataset.Set, e *dataset.Element) {
	switch {
	case e.VR == dicom.SQ:
		r.below(e)
	case r.strict && says(e.VR):
		r.putDummy(s, e)
	}
}

// says tells whether values of a VR may hold a person's words, or bytes of anything.
func says(vr dicom.VR) bool { return vr.IsText() || vr == dicom.AE || vr == dicom.UR || vr.IsBulk() }
