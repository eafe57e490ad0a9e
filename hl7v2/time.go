package hl7v2

import (
	"strings"
	"time"
)

// Time is a date and time as HL7 writes it (TS, DTM; HL7 2.A.22): YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ].
type Time struct {
	Time  time.Time
	Parts int  // how many of year, month, day, hour, minute, second were given: 1 to 6
	Zone  bool // whether an offset from UTC was given; else Time is in UTC as written
}

// ParseTime reads a timestamp; ok is false if s is none. Digits of seconds and offset that are
// out of range make it fail, anything after a space is ignored.
func ParseTime(s string) (t Time, ok bool) {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	zone := time.UTC
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		if zone, ok = parseZone(s[i:]); !ok {
			return t, false
		}
		t.Zone, s = true, s[:i]
	}
	s, fraction, _ := strings.Cut(s, ".")
	layout := "20060102150405"
	if len(s) < 4 || len(s) > len(layout) || len(s)%2 != 0 || !digits(s) || !digits(fraction) || len(fraction) > 9 {
		return t, false
	}
	v, err := time.ParseInLocation(layout[:len(s)], s, zone)
	if err != nil {
		return t, false
	}
	if fraction != "" {
		f, err := time.ParseDuration("0." + fraction + "s")
		if err != nil {
			return t, false
		}
		v = v.Add(f)
	}
	t.Time, t.Parts = v, len(s)/2-1
	return t, true
}

func parseZone(s string) (*time.Location, bool) {
	if len(s) != 5 || !digits(s[1:]) {
		return nil, false
	}
	h, m := int(s[1]-'0')*10+int(s[2]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if h > 15 || m > 59 {
		return nil, false
	}
	seconds := h*3600 + m*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// ISO gives the time as ISO 8601 writes it, with as many parts as were given:
// "2026", "2026-11-21", "2026-11-21T08:15:30+07:00". An offset appears only if one was given.
func (t Time) ISO() string {
	if t.Parts < 1 || t.Parts > 6 {
		return ""
	}
	layouts := [...]string{"2006", "2006-01", "2006-01-02", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05.999999999"}
	layout := layouts[t.Parts-1]
	if t.Zone && t.Parts > 3 {
		layout += "-07:00"
	}
	return t.Time.Format(layout)
}
