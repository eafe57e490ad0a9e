package deid

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
)

// attribute is a row of PS3.15 table E.1-1.
type attribute struct {
	tag     dicom.Tag
	profile string // action of the profile: X, Z, D, U, or several of which the attribute's Type chooses
	options string // action of each option, - where it has none
}

// action is what is done to an attribute (PS3.15 table E.1-1a).
type action byte

// The actions.
const (
	remove  action = 'X'
	empty   action = 'Z' // zero length
	dummy   action = 'D' // a value that says nothing
	keep    action = 'K' // as it is; the items of sequences are de-identified
	clean   action = 'C' // what identifies is taken out
	replace action = 'U' // another UID, the same for the same
	descend action = 'S' // a sequence that is kept without the UIDs it had
	other   action = '-' // not in the table
)

// compound are the actions that depend on the attribute's Type. An attribute that is there may be of any
// Type; what fits all of them is chosen, which tells as little as its absence.
var compound = map[string]action{"X/Z": empty, "X/D": dummy, "Z/D": dummy, "X/Z/D": dummy, "X/Z/U*": descend}

// lookup finds the row of an attribute.
func lookup(t dicom.Tag) (attribute, bool) {
	switch g := t.Group(); {
	case g >= 0x5000 && g <= 0x50FF:
		return attribute{tag: t, profile: "X", options: "----------"}, true
	case g >= 0x6000 && g <= 0x60FF:
		// Without its data an overlay is not one; bitmaps cannot be cleaned.
		return attribute{tag: t, profile: "X", options: "----------"}, true
	}
	i, ok := slices.BinarySearchFunc(attributes, t, func(a attribute, t dicom.Tag) int {
		switch {
		case a.tag < t:
			return -1
		case a.tag > t:
			return 1
		}
		return 0
	})
	if !ok {
		return attribute{}, false
	}
	return attributes[i], true
}

// actionFor says what is done to an attribute under options. Of several options that speak of it one
// that keeps it prevails.
func actionFor(t dicom.Tag, vr dicom.VR, on *chosen) action {
	row, ok := lookup(t)
	if !ok {
		return unlisted(t, vr, on)
	}
	act := other
	for o := RetainSafePrivate; o < columns; o++ {
		switch c := action(row.options[o]); {
		case !on[o] || c == other:
		case c == keep || act == other:
			act = c
		}
	}
	switch {
	case act != other:
		return act
	case len(row.profile) > 1:
		return compound[row.profile]
	}
	return action(row.profile[0])
}

// unlisted says what is done to attributes that are not in the table: names, dates and UIDs of
// instances are treated as those that are.
func unlisted(t dicom.Tag, vr dicom.VR, on *chosen) action {
	entry, known := dicom.Lookup(t)
	switch {
	case !known:
		return remove
	case vr == dicom.PN:
		return empty
	case vr == dicom.DA, vr == dicom.TM, vr == dicom.DT:
		switch {
		case on[RetainFullDates]:
			return keep
		case on[RetainModifiedDates]:
			return clean
		}
		return empty
	case vr == dicom.UI && !ofKind(entry.Keyword) && !on[RetainUIDs]:
		return replace
	}
	return alike(t, vr, entry.Keyword, on)
}
