package query

import (
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Shift moves a date (DA) with its time (TM), in any form that NormalizeDate and NormalizeTime read, by a difference between
// time zones. A date without a time stays as it is, and a time without a date goes around the clock; so does what cannot
// be understood. A time stays as exact as it was.
func Shift(date, clock string, by time.Duration) (string, string) {
	t, ok := NormalizeTime(clock)
	if !ok {
		return date, clock
	}
	d, dated := NormalizeDate(date)
	if !dated {
		d = "20000101"
	}
	moved := shift(d+t, by)
	clock = moved[8:][:exact(len(strings.ReplaceAll(clock, ":", "")), 2, by)]
	if !dated {
		return date, clock
	}
	return moved[:8], clock
}

// ShiftDateTime moves a date-time (DT) without an offset from UTC by a difference between time zones. One with an offset, or without
// hours, stays as it is.
func ShiftDateTime(v string, by time.Duration) string {
	i, ok := dateTime(v)
	if !ok || i.zoned || len(v) < 10 {
		return v
	}
	return shift(i.lo, by)[:exact(len(v), 10, by)]
}

// exact gives the length of a value after it was moved: one that ends with the hour, which has that length, needs minutes
// when the difference has some.
func exact(length, hour int, by time.Duration) int {
	if length == hour && by%time.Hour != 0 {
		return length + 2
	}
	return length
}

// Shifted gives a copy of a data set in which dates with times, and date-times without an offset, are moved by a difference
// between time zones, in items too.
func Shifted(s *dataset.Set, by time.Duration) *dataset.Set {
	out := &dataset.Set{Elements: slices.Clone(s.Elements)}
	for i := range out.Elements {
		e := &out.Elements[i]
		switch e.VR {
		case dicom.TM, dicom.DA, dicom.DT:
			if list := s.Strings(e.Tag); len(list) == 1 {
				e.Value = padded(shiftElement(s, e, list[0], by))
			}
		case dicom.SQ:
			e.Items = slices.Clone(e.Items)
			for j, item := range e.Items {
				e.Items[j] = Shifted(item, by)
			}
		}
	}
	return out
}

func shiftElement(s *dataset.Set, e *dataset.Element, v string, by time.Duration) string {
	if e.VR == dicom.DT {
		return ShiftDateTime(v, by)
	}
	other, isDate, ok := Partner(e.Tag)
	switch {
	case ok && isDate:
		_, v = Shift(s.String(other), v, by)
	case ok:
		v, _ = Shift(v, s.String(other), by)
	case e.VR == dicom.TM:
		_, v = Shift("", v, by)
	}
	return v
}

// padded gives a value of even length.
func padded(v string) []byte {
	if len(v)%2 == 1 {
		v += " "
	}
	return []byte(v)
}

// Partner gives the time of a date, or the date of a time, when they belong together.
func Partner(t dicom.Tag) (other dicom.Tag, isDate, ok bool) {
	for _, p := range pairs {
		switch t {
		case p[0]:
			return p[1], false, true
		case p[1]:
			return p[0], true, true
		}
	}
	return 0, false, false
}
