package lab

import (
	"slices"
	"strings"
)

// markDuplicates finds OBX that stand twice in a report. The same contents under the same code and sub-ID are one result: the
// second is kept and marked. Lines of a text may well be equal and are left alone. Other
// contents under the same code and sub-ID are both shown, with a warning.
func markDuplicates(list []Observation) {
	if len(list) < 2 {
		return
	}
	first := make(map[obsKey]int, len(list))
	for i := range list {
		o := &list[i]
		if lines(o.Type) || o.Code == (Coded{}) {
			continue
		}
		key := o.key()
		j, there := first[key]
		switch {
		case !there:
			first[key] = i
		case sameContents(&list[j], o):
			o.Duplicate = true
		default:
			o.warn("OBX-3 and OBX-4 are those of another OBX of the report")
		}
	}
}

// lines tells whether several OBX of a type may be the lines of one text.
func lines(typ string) bool { return typ == "TX" || typ == "FT" || typ == "ST" || typ == "" }

// obsKey is what tells observations of a report apart: code and system, without a code the text, and sub-ID.
type obsKey struct{ code, system, sub string }

func (o *Observation) key() obsKey {
	if o.Code.Code == "" {
		return obsKey{"", o.Code.Text, o.Sub}
	}
	return obsKey{o.Code.Code, o.Code.System, o.Sub}
}

func sameContents(a, b *Observation) bool {
	return a.Type == b.Type && a.Status == b.Status && a.HL7Status == b.HL7Status && a.Observed == b.Observed && a.Equipment == b.Equipment &&
		slices.EqualFunc(a.Values, b.Values, sameValue) && equalCoded(a.Units, b.Units) && strings.Join(a.Flags, "~") == strings.Join(b.Flags, "~")
}

func sameValue(a, b Value) bool {
	return a.Attachment == nil && b.Attachment == nil && a.Text == b.Text
}

func equalCoded(a, b *Coded) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}
