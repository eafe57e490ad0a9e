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
	first := finder{list: list}
	for i := range list {
		o := &list[i]
		if !o.comparable() {
			continue
		}
		switch same := first.find(i); {
		case same == nil:
		case sameContents(same, o):
			o.Duplicate = true
		default:
			o.warn("OBX-3 and OBX-4 are those of another OBX of the report")
		}
	}
}

// comparable tells whether an observation can be told from others by its code and sub-ID.
func (o *Observation) comparable() bool { return !lines(o.Type) && o.Code != (Coded{}) }

// lines tells whether several OBX of a type may be the lines of one text.
func lines(typ string) bool { return typ == "TX" || typ == "FT" || typ == "ST" || typ == "" }

// finder finds the first observation of a list that has a key: by looking at all of a short list.
type finder struct {
	list []Observation
	keys map[obsKey]int // of a longer one
}

// short is the length of a list up to which looking at all costs less than a map.
const short = 32

// find gives the first observation before the i-th that may be the same; nil if there is none.
func (f *finder) find(i int) *Observation {
	key := f.list[i].key()
	if len(f.list) > short {
		if f.keys == nil {
			f.keys = make(map[obsKey]int, len(f.list))
		}
		if j, there := f.keys[key]; there {
			return &f.list[j]
		}
		f.keys[key] = i
		return nil
	}
	for j := range i {
		if o := &f.list[j]; o.Code.Code == f.list[i].Code.Code && o.key() == key && o.comparable() {
			return o
		}
	}
	return nil
}

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
