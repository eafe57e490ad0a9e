package deid

import (
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
)

// shifted moves dates into the past; times of day stay. What is not a date becomes empty.
func shifted(vr dicom.VR, values []string, days int) []string {
	out := make([]string, len(values))
	for i, v := range values {
		switch vr {
		case dicom.DA:
			out[i] = shiftDate(strings.ReplaceAll(v, ".", ""), days)
		case dicom.DT:
			out[i] = shiftDateTime(v, days)
		default:
			out[i] = v
		}
	}
	return out
}

func shiftDate(v string, days int) string {
	t, err := time.Parse("20060102", v)
	if err != nil || days == 0 && v == "" {
		return ""
	}
	return before(t, days, "20060102")
}

// before gives the day so many days earlier; empty if the calendar of DICOM does not reach so far.
func before(t time.Time, days int, layout string) string {
	t = t.AddDate(0, 0, -days)
	if t.Year() < 1 || t.Year() > 9999 {
		return ""
	}
	return t.Format(layout)
}

// shiftDateTime keeps the precision of a DT value (PS3.5 6.2): of a year alone it gives a year.
func shiftDateTime(v string, days int) string {
	digits := len(v)
	if i := strings.IndexAny(v, ".+-"); i >= 0 {
		digits = i
	}
	layout := "20060102"
	if digits < len(layout) {
		if digits != 4 && digits != 6 || digits != len(v) && strings.Contains(v, ".") {
			return ""
		}
		layout = layout[:digits]
	}
	t, err := time.Parse(layout, v[:len(layout)])
	if err != nil {
		return ""
	}
	day := before(t, days, layout)
	if day == "" {
		return ""
	}
	return day + v[len(layout):]
}
