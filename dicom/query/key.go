package query

import (
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// Key is one matching key.
type Key struct {
	Path   []dicom.Tag // one or more: the sequences around the attribute, then the attribute
	VR     dicom.VR    // of the attribute
	Values []string    // UTF-8, without padding; none for universal matching
	// Empty is empty value matching (PS3.4 C.2.2.2.7): the attribute is absent or has no value. Values is empty.
	Empty bool
	// Every is multiple value matching (PS3.4 C.2.2.2.8): each of Values, which have no wildcards, matches some value of the attribute.
	Every bool
}

// EmptyValue is how a key asks for empty value matching where that is agreed on: two quotation marks.
const EmptyValue = `""`

// Enumerates tells whether keys of the attribute with several values may be meant for multiple value matching, by VR and
// multiplicity (PS3.4 C.2.2.2.8).
func Enumerates(t dicom.Tag, vr dicom.VR) bool {
	switch vr {
	case dicom.AE, dicom.AS, dicom.AT, dicom.CS, dicom.LO, dicom.PN, dicom.SH, dicom.UC:
		e, ok := dicom.Lookup(t)
		return ok && e.VM != "1"
	}
	return false
}

// Kind says how a key matches.
type Kind uint8

// The kinds of matching.
const (
	Universal Kind = iota // C.2.2.2.3: everything, present or not; also the wildcard "*"
	Single                // C.2.2.2.1
	List                  // C.2.2.2.2: any of several values; those of VRs with wildcards may hold them
	Wildcard              // C.2.2.2.4: "*" any characters, "?" one character
	Range                 // C.2.2.2.5: of dates and times
	Sequence              // C.2.2.2.6: an attribute inside a sequence; see Leaf
	Empty                 // C.2.2.2.7: no value
	Multiple              // C.2.2.2.8: all of several values
)

// SyntaxError says why a key cannot be used. It does not hold the value.
type SyntaxError struct {
	Tag    dicom.Tag
	Reason string
}

// Error gives tag and reason.
func (e *SyntaxError) Error() string { return fmt.Sprintf("query: %v: %s", e.Tag, e.Reason) }

// Parse makes a key of a value as it stands in an identifier or, unescaped, in
// a URL: UTF-8, several values separated by backslash, UIDs also by comma. The error is a
// *SyntaxError: dates, times, UIDs and numbers are checked.
func Parse(path []dicom.Tag, vr dicom.VR, raw string) (Key, error) {
	k := Key{Path: path, VR: vr}
	if len(path) == 0 {
		return k, &SyntaxError{Reason: "no attribute"}
	}
	for _, v := range split(vr, raw) {
		if v = trim(vr, v); v == "" {
			continue
		}
		if err := check(vr, v); err != "" {
			return k, &SyntaxError{path[len(path)-1], err}
		}
		k.Values = append(k.Values, v)
	}
	return k, nil
}

func split(vr dicom.VR, raw string) []string {
	switch vr {
	case dicom.LT, dicom.ST, dicom.UT, dicom.UR:
		return []string{raw}
	case dicom.UI:
		return strings.FieldsFunc(raw, func(r rune) bool { return r == '\\' || r == ',' })
	}
	return strings.Split(raw, `\`)
}

// trim removes what is not significant (PS3.5 6.2): in long texts leading spaces are.
func trim(vr dicom.VR, s string) string {
	switch vr {
	case dicom.LT, dicom.ST, dicom.UT, dicom.UC, dicom.UR:
		return strings.TrimRight(s, " \x00")
	}
	return strings.Trim(s, " \x00")
}

// check tells what is wrong with a value, or nothing.
func check(vr dicom.VR, v string) string {
	switch vr {
	case dicom.DA, dicom.TM, dicom.DT:
		if _, err := parseInterval(vr, v); err != "" {
			return err
		}
	case dicom.UI:
		if !dicom.UID(v).Valid() {
			return "not a UID"
		}
	case dicom.SQ:
		return "a sequence has no value; name an attribute inside it"
	default:
		if _, ok := number(v); numeric(vr) && !ok {
			return "not a number"
		}
	}
	return ""
}

// Tag gives the attribute itself: the last of Path.
func (k Key) Tag() dicom.Tag { return k.Path[len(k.Path)-1] }

// Leaf gives the key as it stands inside the innermost item.
func (k Key) Leaf() Key {
	k.Path = k.Path[len(k.Path)-1:]
	return k
}

// Kind tells how k matches.
func (k Key) Kind() Kind {
	switch {
	case k.universal():
		return Universal
	case len(k.Path) > 1:
		return Sequence
	case k.Empty:
		return Empty
	case k.Every && len(k.Values) > 1:
		return Multiple
	case len(k.Values) > 1:
		return List
	case temporal(k.VR) && isRange(k.VR, k.Values[0]):
		return Range
	case Wildcards(k.VR) && strings.ContainsAny(k.Values[0], "*?"):
		return Wildcard
	}
	return Single
}

// universal tells whether there is nothing to compare with. A value of
// asterisks matches any value, and so does no value.
func (k Key) universal() bool {
	if k.Empty {
		return false
	}
	for _, v := range k.Values {
		if !Wildcards(k.VR) || strings.Trim(v, "*") != "" {
			return false
		}
	}
	return true
}

// Wildcards tells whether "*" and "?" have their special meaning in keys of
// the VR (PS3.4 C.2.2.2.4).
func Wildcards(vr dicom.VR) bool {
	switch vr {
	case dicom.AE, dicom.CS, dicom.LO, dicom.LT, dicom.PN, dicom.SH, dicom.ST, dicom.UC, dicom.UR, dicom.UT:
		return true
	}
	return false
}

func temporal(vr dicom.VR) bool { return vr == dicom.DA || vr == dicom.TM || vr == dicom.DT }

func numeric(vr dicom.VR) bool {
	switch vr {
	case dicom.IS, dicom.DS, dicom.US, dicom.SS, dicom.UL, dicom.SL, dicom.UV, dicom.SV, dicom.FL, dicom.FD:
		return true
	}
	return false
}
