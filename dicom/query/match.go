package query

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Match tells whether a data set matches the key: any value of the attribute
// does; for attributes inside a sequence, any item's. Case counts except in
// person names, where case, diacritics and trailing components do not.
func (k Key) Match(s *dataset.Set) bool { return MatchAll([]Key{k}, s) }

// MatchAll tells whether a data set matches all keys. Keys inside the same
// sequence must match in the same item (C.2.2.2.6); date and time ranges that
// belong together are combined (see Combine).
func MatchAll(keys []Key, s *dataset.Set) bool {
	var here []Key
	inside := map[dicom.Tag][]Key{}
	for _, k := range keys {
		switch {
		case len(k.Path) == 0 || k.universal():
		case len(k.Path) == 1:
			here = append(here, k)
		default:
			inside[k.Path[0]] = append(inside[k.Path[0]], Key{k.Path[1:], k.VR, k.Values})
		}
	}
	moments, rest := Combine(here)
	for _, m := range moments {
		if !m.match(s) {
			return false
		}
	}
	for _, k := range rest {
		if !k.matchElement(s) {
			return false
		}
	}
	for t, sub := range inside {
		e := s.Get(t)
		if e == nil || !slices.ContainsFunc(e.Items, func(item *dataset.Set) bool { return MatchAll(sub, item) }) {
			return false
		}
	}
	return true
}

func (m Moment) match(s *dataset.Set) bool {
	date, ok := NormalizeDate(s.String(m.Date.Tag()))
	if !ok {
		return false
	}
	clock, ok := NormalizeTime(s.String(m.Time.Tag()))
	if !ok {
		clock = "000000.000000"
	}
	return within(date+clock, date+clock, interval{lo: m.Lo, hi: m.Hi})
}

func (k Key) matchElement(s *dataset.Set) bool {
	e := s.Get(k.Tag())
	if e == nil {
		return false
	}
	for _, v := range values(s, e) {
		if slices.ContainsFunc(k.Values, func(want string) bool { return k.matchValue(want, v, s) }) {
			return true
		}
	}
	return false
}

// matchValue compares one value of the key with one of the data set.
func (k Key) matchValue(want, value string, s *dataset.Set) bool {
	switch {
	case k.VR == dicom.PN:
		return MatchName(want, value)
	case temporal(k.VR):
		return matchTemporal(k.VR, want, value, s)
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

func matchTemporal(vr dicom.VR, want, value string, s *dataset.Set) bool {
	asked, err := parseInterval(vr, want)
	if err != "" {
		return false
	}
	found, err := moment(vr, value)
	if err != "" {
		return false
	}
	if vr == dicom.DT && asked.zoned != found.zoned {
		if asked.zoned {
			found = inUTC(found, s)
		} else if found, err = moment(vr, value[:len(value)-5]); err != "" {
			return false
		}
	}
	return within(found.lo, found.hi, asked)
}

// inUTC uses the data set's Timezone Offset From UTC, if any.
func inUTC(i interval, s *dataset.Set) interval {
	offset, ok := ParseOffset(s.String(tag.TimezoneOffsetFromUTC))
	if !ok {
		return i
	}
	return interval{shift(i.lo, -offset), shift(i.hi, -offset), true}
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
