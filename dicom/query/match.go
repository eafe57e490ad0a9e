package query

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Match tells whether a data set matches the key: any value of the attribute
// does; for attributes inside a sequence, any item's. Case counts except in
// person names, where case, diacritics and trailing components do not.
func (k Key) Match(s *dataset.Set) bool { return MatchAll([]Key{k}, s) }

// MatchAll is Rules.MatchAll with the zero Rules.
func MatchAll(keys []Key, s *dataset.Set) bool { return Rules{}.MatchAll(keys, s) }

// all tells whether a data set, or an item of it, matches the keys.
func (m *matcher) all(keys []Key, s *dataset.Set) bool {
	var here []Key
	var inside map[dicom.Tag][]Key
	for _, k := range keys {
		switch {
		case len(k.Path) == 0 || k.universal():
		case len(k.Path) == 1:
			here = append(here, k)
		default:
			if inside == nil {
				inside = map[dicom.Tag][]Key{}
			}
			in := k
			in.Path = k.Path[1:]
			inside[k.Path[0]] = append(inside[k.Path[0]], in)
		}
	}
	moments, rest := Combine(here, m.Separate)
	for i := range moments {
		if !m.moment(&moments[i], s) {
			return false
		}
	}
	for i := range rest {
		if !m.element(&rest[i], s) {
			return false
		}
	}
	for t, sub := range inside {
		e := s.Get(t)
		if e == nil || !slices.ContainsFunc(e.Items, func(item *dataset.Set) bool { return m.all(sub, item) }) {
			return false
		}
	}
	return true
}

func (m *matcher) moment(k *Moment, s *dataset.Set) bool {
	day, clock := m.dateTime(s.String(k.Date.Tag()), s.String(k.Time.Tag()))
	date, ok := NormalizeDate(day)
	if !ok {
		return false
	}
	if clock, ok = NormalizeTime(clock); !ok {
		clock = "000000.000000"
	}
	return within(date+clock, date+clock, interval{lo: k.Lo, hi: k.Hi})
}

func (m *matcher) element(k *Key, s *dataset.Set) bool {
	var found []string
	if e := s.Get(k.Tag()); e != nil {
		found = values(s, e)
	}
	switch {
	case k.Empty:
		return !slices.ContainsFunc(found, func(v string) bool { return trim(k.VR, v) != "" })
	case len(found) == 1 && (k.VR == dicom.DA || k.VR == dicom.TM) && m.adjusts():
		found = []string{m.local(k, s, found[0])}
	}
	matches := func(want string) bool {
		return slices.ContainsFunc(found, func(v string) bool { return m.value(k, want, v) })
	}
	if !k.Every {
		return slices.ContainsFunc(k.Values, matches)
	}
	for _, want := range k.Values {
		if !matches(want) {
			return false
		}
	}
	return true
}

// local brings a date or time into the zone of the keys.
func (m *matcher) local(k *Key, s *dataset.Set, v string) string {
	other, isDate, ok := Partner(k.Tag())
	switch {
	case ok && isDate:
		_, v = m.dateTime(s.String(other), v)
	case ok:
		v, _ = m.dateTime(v, s.String(other))
	case k.VR == dicom.TM:
		_, v = m.dateTime("", v)
	}
	return v
}

// value compares one value of the key with one of the data set.
func (m *matcher) value(k *Key, want, value string) bool {
	switch {
	case k.VR == dicom.PN && m.Fuzzy:
		return MatchNameFuzzily(want, value)
	case k.VR == dicom.PN:
		return MatchName(want, value)
	case temporal(k.VR):
		return m.temporal(k.VR, want, value)
	case numeric(k.VR):
		a, okA := number(want)
		b, okB := number(value)
		return okA && okB && a == b
	}
	want, value = norm.NFC.String(want), norm.NFC.String(trim(k.VR, value))
	if Wildcards(k.VR) {
		return MatchPattern(want, value)
	}
	return want == value
}

func (m *matcher) temporal(vr dicom.VR, want, value string) bool {
	asked, err := parseInterval(vr, want)
	if err != "" {
		return false
	}
	found, err := moment(vr, value)
	if err != "" {
		return false
	}
	if vr == dicom.DT {
		if found, err = m.alike(found, asked.zoned, value); err != "" {
			return false
		}
	}
	return within(found.lo, found.hi, asked)
}

// alike brings a date-time of the data set to where that of the key is: to UTC if the key has an offset, else into the
// zone of the keys, as far as that and its own are known.
func (m *matcher) alike(found interval, zoned bool, value string) (interval, string) {
	switch {
	case zoned && !found.zoned && m.hasOwn:
		return found.shifted(-m.own), ""
	case zoned && !found.zoned && m.hasAsked:
		return found.shifted(-m.asked), ""
	case !zoned && found.zoned && m.hasAsked:
		return found.shifted(m.asked), ""
	case !zoned && found.zoned:
		return moment(dicom.DT, value[:len(value)-5])
	case !zoned && !found.zoned && m.adjusts():
		return found.shifted(m.asked - m.own), ""
	}
	return found, ""
}

func (i interval) shifted(by time.Duration) interval {
	return interval{shift(i.lo, by), shift(i.hi, by), i.zoned}
}

// within tells whether the moment that a value begins with lies in the
// interval asked for, or the value, being less exact, covers it all.
func within(lo, hi string, asked interval) bool {
	if asked.lo != "" && asked.hi != "" && asked.lo > asked.hi { // times around midnight
		return lo >= asked.lo || lo <= asked.hi
	}
	if lo >= asked.lo && (asked.hi == "" || lo <= asked.hi) {
		return true
	}
	return asked.lo != "" && asked.hi != "" && lo <= asked.lo && hi >= asked.hi
}

// values gives the values of an element as text.
func values(s *dataset.Set, e *dataset.Element) []string {
	switch e.VR {
	case dicom.AT:
		return words(e.Value, 4, func(b []byte) string {
			return fmt.Sprintf("%04X%04X", binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]))
		})
	case dicom.FL:
		return words(e.Value, 4, func(b []byte) string {
			return strconv.FormatFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 'g', -1, 32)
		})
	case dicom.FD:
		return words(e.Value, 8, func(b []byte) string {
			return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64)
		})
	}
	return s.Strings(e.Tag)
}

func words(b []byte, size int, text func([]byte) string) (out []string) {
	for ; len(b) >= size; b = b[size:] {
		out = append(out, text(b))
	}
	return out
}

func number(s string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return f, err == nil
}
