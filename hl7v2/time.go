package hl7v2

import (
	"bytes"
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
	if len(s) < 4 || len(s) > len("20060102150405") || len(s)%2 != 0 || !digits(s) || !digits(fraction) || len(fraction) > 9 {
		return t, false
	}
	v, ok := assemble(s, fraction, zone)
	if ok {
		t.Time, t.Parts = v, len(s)/2-1
	}
	return t, ok
}

// assemble makes a time of its digits, YYYY[MM[DD[HH[MM[SS]]]]]; ok is false if there is no such time.
func assemble(s, fraction string, zone *time.Location) (t time.Time, ok bool) {
	parts := [6]int{decimal(s[:4]), 1, 1}
	for i := 4; i < len(s); i += 2 {
		parts[i/2-1] = decimal(s[i : i+2])
	}
	month, day, hour, minute, second := time.Month(parts[1]), parts[2], parts[3], parts[4], parts[5]
	if month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	nanos := decimal(fraction)
	for range 9 - len(fraction) {
		nanos *= 10
	}
	t = time.Date(parts[0], month, day, hour, minute, second, nanos, zone)
	return t, t.Day() == day // else the month has fewer days
}

// decimal gives the number that at most nine digits write.
func decimal(digits string) (n int) {
	for i := range len(digits) {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}

func parseZone(s string) (*time.Location, bool) {
	if len(s) != 5 || !digits(s[1:]) {
		return nil, false
	}
	h, m := decimal(s[1:3]), decimal(s[3:])
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
	var room [len(time.RFC3339Nano)]byte
	b := t.Time.AppendFormat(room[:0], time.RFC3339Nano)
	at := bytes.LastIndexAny(b, "Z+-")
	zone := string(b[at:])
	if zone == "Z" {
		zone = "+00:00"
	}
	lengths := [...]int{len("2006"), len("2006-01"), len("2006-01-02"), len("2006-01-02T15"), len("2006-01-02T15:04"), at}
	b = b[:lengths[t.Parts-1]]
	if t.Zone && t.Parts > 3 {
		b = append(b, zone...)
	}
	return string(b)
}

// Sortable gives the time to the microsecond, in UTC if an offset was given, so that texts compare as times:
// "2026-11-21T01:15:30.000000Z", without the Z if there was no offset.
func (t Time) Sortable() string {
	var room [len("2006-01-02T15:04:05.000000Z") + 1]byte // the year may get a sign
	utc := t.Time.UTC()
	b := utc.AppendFormat(room[:0], time.RFC3339)
	b = append(b[:len(b)-1], ".000000"...) // without its Z
	for i, micros := 1, utc.Nanosecond()/1000; micros > 0; i, micros = i+1, micros/10 {
		b[len(b)-i] = byte('0' + micros%10)
	}
	if t.Zone {
		b = append(b, 'Z')
	}
	return string(b)
}
