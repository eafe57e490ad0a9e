package dicom

import "sort"

//go:generate go run ./internal/gen

// Entry is what PS3.6 chapters 6 to 9 (PS3.7 Annex E for group 0000) register
// for a data element.
type Entry struct {
	Tag     Tag
	VR      VR   // the first of VRs; zero for items and delimiters
	VRs     []VR // all that the standard allows; do not change
	Keyword string
	Name    string
	VM      string // value multiplicity as written in the standard: "1", "1-n", "2-2n"
	Retired bool
}

// Lookup finds a standard data element. Elements of repeating groups (50xx,
// 60xx, 7Fxx, 0020,31xx …) are found under any of their tags; Entry.Tag is then the
// tag asked for. Private elements, private creators and group lengths are not
// registered.
func Lookup(t Tag) (Entry, bool) {
	i, ok := position(t)
	if !ok {
		return Entry{}, false
	}
	e := entries[i]
	e.Tag = t
	return e, true
}

// LookupKeyword finds a standard data element by its keyword (PS3.6), for
// example "PatientName".
func LookupKeyword(keyword string) (Entry, bool) {
	i := sort.Search(len(keywordIndex), func(i int) bool { return entries[keywordIndex[i]].Keyword >= keyword })
	if i == len(keywordIndex) || entries[keywordIndex[i]].Keyword != keyword {
		return Entry{}, false
	}
	return entries[keywordIndex[i]], true
}

// VROf gives the value representation of an element whose encoding does not
// say it (PS3.5 A.1): the registered one, words (OW) where bytes and words are
// allowed, US of US and SS, UL for group lengths, LO for private creators, UN
// for other private and unknown elements.
func VROf(t Tag) VR {
	if i, ok := position(t); ok {
		return implicitVRs[i]
	}
	switch {
	case t.Element() == 0:
		return UL
	case t.IsPrivateCreator():
		return LO
	}
	return UN
}

// position finds the place of t, or of the repeating pattern it belongs to, in entries.
func position(t Tag) (int, bool) {
	if t.IsPrivate() {
		return 0, false
	}
	if i, ok := exact(t); ok {
		return i, true
	}
	if p, ok := pattern(t); ok {
		return exact(p)
	}
	return 0, false
}

func exact(t Tag) (int, bool) {
	const mask = 1<<hashBits - 1
	for h := uint32(t) * hashMultiply >> (32 - hashBits); tagIndex[h] != 0; h = (h + 1) & mask {
		if i := int(tagIndex[h]) - 1; entries[i].Tag == t {
			return i, true
		}
	}
	return 0, false
}

// pattern gives the tag under which a repeating element is registered here
// (PS3.5 7.6, PS3.6 chapter 6).
func pattern(t Tag) (Tag, bool) {
	g, e := t.Group(), t.Element()
	switch {
	case e == 0:
		return 0, false
	case g>>8 == 0x50 || g>>8 == 0x60 || g>>8 == 0x7F && g != 0x7FE0: // 50xx, 60xx, 7Fxx
		return NewTag(g&0xFF00, e), true
	case g == 0x0020 && e>>8 == 0x31: // 0020,31xx
		return 0x00203100, true
	case g == 0x0028 && e>>8 == 0x04: // 0028,04x0 to 04x3
		return NewTag(g, e&0xFF0F|0x10), true
	case g == 0x0028 && e>>8 == 0x08: // 0028,08x0 to 08x8
		return NewTag(g, e&0xFF0F), true
	case g == 0x1000: // 1000,xxx0 to xxx5
		return NewTag(g, e&0xF|0x10), true
	case g == 0x1010: // 1010,xxxx
		return 0x10100004, true
	}
	return 0, false
}
