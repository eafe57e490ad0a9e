package scp

import (
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// answer makes the identifier of one pending response. complete is false when a wanted attribute is not supported, or a
// key is not or could not be matched by.
func (x *identifier) answer(ae string, found *dataset.Set, h head) (_ *dataset.Set, complete bool) {
	out := &dataset.Set{}
	out.PutString(tag.QueryRetrieveLevel, dicom.CS, levelNames[x.level])
	out.PutString(tag.RetrieveAETitle, dicom.AE, ae)
	out.PutString(tag.InstanceAvailability, dicom.CS, "ONLINE")
	complete = !x.ignored && (len(x.headKeys) == 0 || h.set != nil)
	indexed := x.inZone(found, found)
	objects := x.inZone(h.set, found)
	for _, w := range x.wanted {
		level, kept := levelOf(w.tag)
		var e *dataset.Element
		switch {
		case kept && level <= x.level:
			e = indexed.Get(w.tag)
		case !kept && objects != nil && inHeads(x.level, w.tag):
			e = objects.Get(w.tag)
		default:
			complete = false
		}
		if w.tag == tag.OtherPatientIDsSequence {
			e = storage.OtherPatientIDs(e, indexed.Get(w.tag))
		}
		out.Put(w.from(e))
	}
	if x.rules.Zone != "" {
		out.PutString(tag.TimezoneOffsetFromUTC, dicom.SH, x.rules.Zone)
	}
	return out, complete
}

// inZone brings times into the zone of the query, if that has one and that of the entity is known: a response's are understood in it.
func (x *identifier) inZone(s, entity *dataset.Set) *dataset.Set {
	to, asked := query.ParseOffset(x.rules.Zone)
	own, known := query.ParseOffset(entity.String(tag.TimezoneOffsetFromUTC))
	if s == nil || !asked || !known || to == own {
		return s
	}
	return query.Shifted(s, to-own)
}

// from gives the element of an answer, empty when it is not known.
func (w *wanted) from(e *dataset.Element) dataset.Element {
	if e == nil || w.vr == dicom.SQ && e.VR != dicom.SQ {
		return dataset.Element{Tag: w.tag, VR: w.vr}
	}
	if w.items == nil || e.VR != dicom.SQ {
		return *e
	}
	pruned := dataset.Element{Tag: e.Tag, VR: e.VR}
	for _, item := range e.Items {
		part := &dataset.Set{}
		for i := range w.items.Elements {
			sub := wanted{tag: w.items.Elements[i].Tag, vr: w.items.Elements[i].VR}
			part.Put(sub.from(item.Get(sub.tag)))
		}
		pruned.Items = append(pruned.Items, part)
	}
	return pruned
}

// encode writes an identifier, whose text is in UTF-8. When it needs more than ASCII, the query's character set
// is used if that is Latin alphabet No. 1 and has all the characters, else UTF-8 (PS3.4 C.4.1.1.3.2).
func (x *identifier) encode(s *dataset.Set) []byte {
	if !wide(s) {
		return s.Append(nil, x.syntax)
	}
	if len(x.charset) == 1 && x.charset[0] == charset.Latin1 {
		if latin, err := recode(s, charset.Latin1); err == nil {
			latin.PutString(tag.SpecificCharacterSet, dicom.CS, charset.Latin1)
			return latin.Append(nil, x.syntax)
		}
	}
	s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	return s.Append(nil, x.syntax)
}

// textual tells whether values of a VR are written in the Specific Character Set (PS3.5 6.1.2.3).
func textual(vr dicom.VR) bool {
	switch vr {
	case dicom.SH, dicom.LO, dicom.ST, dicom.LT, dicom.PN, dicom.UC, dicom.UT:
		return true
	}
	return false
}

func wide(s *dataset.Set) bool {
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			if wide(item) {
				return true
			}
		}
		if !textual(e.VR) {
			continue
		}
		for _, c := range e.Value {
			if c >= 0x80 {
				return true
			}
		}
	}
	return false
}

// recode gives a copy in another character set; the error tells that it lacks a character.
func recode(s *dataset.Set, term string) (*dataset.Set, error) {
	out := &dataset.Set{}
	for _, e := range s.Elements {
		if textual(e.VR) {
			v, err := charset.Encode(nil, string(e.Value), term)
			if err != nil {
				return nil, err
			}
			if len(v)%2 == 1 { // the padding was for the length in UTF-8
				v = append(v, ' ')
			}
			e.Value = v
		}
		items := e.Items
		e.Items = nil
		for _, item := range items {
			in, err := recode(item, term)
			if err != nil {
				return nil, err
			}
			e.Items = append(e.Items, in)
		}
		out.Put(e)
	}
	return out, nil
}

// queryStatus is the one map from kinds of errors to the statuses of C-FIND, C-MOVE and C-GET (PS3.4 C.4).
var queryStatus = map[halong.Kind]struct {
	status  dimse.Status
	comment string
}{
	halong.Invalid:     {dimse.IdentifierDoesNotMatch, "query cannot be understood"},
	halong.Unsupported: {dimse.SOPClassNotSupported, "not supported"},
	halong.NotExist:    {dimse.Success, ""},
	halong.Permission:  {dimse.NotAuthorized, "not authorized"},
	halong.Exhausted:   {dimse.OutOfResources, "out of resources"},
	halong.Transient:   {dimse.OutOfResources, "temporarily unavailable"},
	halong.Conflict:    {dimse.UnableToProcess, "internal failure"},
	halong.Corrupt:     {dimse.UnableToProcess, "internal failure"},
	halong.Internal:    {dimse.UnableToProcess, "internal failure"},
}

// failure turns an error into the final response of a query or retrieval.
func failure(err error) dimse.Response {
	var r *refused
	if errors.As(err, &r) {
		resp := dimse.Answer(r.status)
		resp.ErrorComment = comment(r.comment)
		if r.tag != 0 {
			resp.OffendingElements = []dicom.Tag{r.tag}
		}
		return resp
	}
	a := queryStatus[halong.KindOf(err)]
	resp := dimse.Answer(a.status)
	resp.ErrorComment = a.comment
	return resp
}
