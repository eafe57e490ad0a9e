package query

import (
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
)

// interval is what a date, time, date-time or range of them stands for: every
// moment from lo to hi, both included; empty means open. Values are written out, so
// that they compare as text: dates "20060102", times "150405.000000", date-times
// "20060102150405.000000".
type interval struct {
	lo, hi string
	zoned  bool // date-times with an offset, converted to UTC
}

// Range gives what a key of VR DA, TM or DT asks for, see NormalizeDate,
// NormalizeTime and NormalizeDateTime for the form; both ends belong to it, an empty one is open. A
// single value stands for all it leaves open: the time "10" for 100000.000000 to
// 105960.999999. Date-times with an offset from UTC are given in UTC. Of times, lo may
// be greater than hi: from lo over midnight to hi.
func (k Key) Range() (lo, hi string) {
	if !temporal(k.VR) || len(k.Values) == 0 {
		return "", ""
	}
	i, _ := parseInterval(k.VR, k.Values[0])
	return i.lo, i.hi
}

// isRange tells whether v, which was checked, is written as a range.
func isRange(vr dicom.VR, v string) bool {
	if vr == dicom.DT {
		if _, err := moment(vr, v); err == "" {
			return false
		}
	}
	return strings.Contains(v, "-")
}

// parseInterval reads "a", "a-", "-b" or "a-b". The text is empty or says what is wrong.
func parseInterval(vr dicom.VR, v string) (interval, string) {
	single, err := moment(vr, v)
	if err == "" {
		return single, ""
	}
	for i := range len(v) {
		if v[i] != '-' {
			continue
		}
		from, errFrom := end(vr, v[:i])
		to, errTo := end(vr, v[i+1:])
		if errFrom != "" || errTo != "" || v == "-" {
			continue
		}
		if vr != dicom.TM && from.lo != "" && to.hi != "" && from.zoned == to.zoned && from.lo > to.hi {
			return interval{}, "range ends before it begins"
		}
		return interval{from.lo, to.hi, from.zoned || to.zoned}, ""
	}
	if strings.Contains(v, "-") {
		return interval{}, "not a range of its VR"
	}
	return interval{}, err
}

// end reads one end of a range, which may be left out.
func end(vr dicom.VR, v string) (interval, string) {
	if v = strings.TrimSpace(v); v == "" {
		return interval{}, ""
	}
	return moment(vr, v)
}

// moment reads a single value as the interval that it leaves open.
func moment(vr dicom.VR, v string) (interval, string) {
	switch vr {
	case dicom.DA:
		if d, ok := NormalizeDate(v); ok {
			return interval{lo: d, hi: d}, ""
		}
		return interval{}, "not a date"
	case dicom.TM:
		if lo, hi, ok := clock(v); ok {
			return interval{lo: lo, hi: hi}, ""
		}
		return interval{}, "not a time"
	}
	if i, ok := dateTime(v); ok {
		return i, ""
	}
	return interval{}, "not a date-time"
}

// NormalizeDate reads a date (PS3.5 6.2, DA), also as ACR-NEMA wrote it
// ("2006.01.02"), and gives "20060102".
func NormalizeDate(v string) (string, bool) {
	if len(v) == 10 && v[4] == '.' && v[7] == '.' {
		v = v[:4] + v[5:7] + v[8:]
	}
	if len(v) != 8 || !digits(v) {
		return "", false
	}
	month, day := atoi(v[4:6]), atoi(v[6:])
	return v, month >= 1 && month <= 12 && day >= 1 && day <= lastDay(atoi(v[:4]), month)
}

// NormalizeTime reads a time (PS3.5 6.2, TM), also with colons as ACR-NEMA
// wrote it, and gives its first moment as "150405.000000".
func NormalizeTime(v string) (string, bool) {
	lo, _, ok := clock(v)
	return lo, ok
}

// clock reads HH, HHMM, HHMMSS or HHMMSS.F to .FFFFFF. The last second of the
// day may be 60.
func clock(v string) (lo, hi string, ok bool) {
	if len(v) >= 8 && v[2] == ':' && v[5] == ':' {
		v = v[:2] + v[3:5] + v[6:]
	}
	whole, fraction, dot := strings.Cut(v, ".")
	if !digits(whole) || dot && (len(whole) != 6 || len(fraction) == 0 || len(fraction) > 6 || !digits(fraction)) {
		return "", "", false
	}
	switch len(whole) {
	case 2, 4, 6:
	default:
		return "", "", false
	}
	lo = whole + "000000"[len(whole):]
	hi = whole + "235960"[len(whole):]
	if len(whole) == 2 {
		hi = whole + "5960"
	}
	if lo[:2] > "23" || lo[2:4] > "59" || lo[4:] > "60" {
		return "", "", false
	}
	return lo + "." + fraction + "000000"[len(fraction):], hi + "." + fraction + "999999"[len(fraction):], true
}

// NormalizeDateTime reads a date-time (PS3.5 6.2, DT) and gives its first moment
// as "20060102150405.000000", in UTC if it has an offset.
func NormalizeDateTime(v string) (string, bool) {
	i, ok := dateTime(v)
	return i.lo, ok
}

// dateTime reads YYYY, YYYYMM … YYYYMMDDHHMMSS.FFFFFF, with or without &ZZXX.
func dateTime(v string) (interval, bool) {
	local, offset, zoned := cutOffset(v)
	date, clockText := local, ""
	if len(local) > 8 {
		date, clockText = local[:8], local[8:]
	}
	if !digits(date) || len(date) < 4 || len(date)%2 == 1 {
		return interval{}, false
	}
	from, to := date+"0101"[len(date)-4:], date
	switch len(date) {
	case 4:
		to += "1231"
	case 6:
		if m := atoi(date[4:]); m >= 1 && m <= 12 {
			to += strconv.Itoa(lastDay(atoi(date[:4]), m))
		}
	}
	if _, ok := NormalizeDate(from); !ok {
		return interval{}, false
	}
	lo, hi := "000000.000000", "235960.999999"
	if clockText != "" {
		var ok bool
		if lo, hi, ok = clock(clockText); !ok || strings.Contains(clockText, ":") {
			return interval{}, false
		}
	}
	i := interval{lo: from + lo, hi: to + hi}
	if zoned {
		i = interval{shift(i.lo, -offset), shift(i.hi, -offset), true}
	}
	return i, true
}

// cutOffset takes the offset from UTC off: +ZZXX or -ZZXX between -1200 and +1400.
func cutOffset(v string) (local string, offset time.Duration, ok bool) {
	n := len(v) - 5
	if n < 4 || v[n] != '+' && v[n] != '-' {
		return v, 0, false
	}
	offset, ok = ParseOffset(v[n:])
	if !ok {
		return v, 0, false
	}
	return v[:n], offset, true
}

// ParseOffset reads an offset from UTC as in Timezone Offset From UTC
// (0008,0201): "+0700".
func ParseOffset(v string) (time.Duration, bool) {
	if len(v) != 5 || v[0] != '+' && v[0] != '-' || !digits(v[1:]) || v[3:] > "59" {
		return 0, false
	}
	d := time.Duration(atoi(v[1:3]))*time.Hour + time.Duration(atoi(v[3:]))*time.Minute
	if v[0] == '-' {
		d = -d
	}
	return d, d >= -12*time.Hour && d <= 14*time.Hour
}

const layout = "20060102150405.000000"

// shift moves a normalised date-time. A leap second is taken for the one before it.
func shift(v string, by time.Duration) string {
	if v[12:14] == "60" {
		v = v[:12] + "59" + v[14:]
	}
	t, err := time.Parse(layout, v)
	if err != nil {
		return v
	}
	if moved := t.Add(by).Format(layout); len(moved) == len(layout) {
		return moved
	}
	return v // the years 0000 and 9999 have no neighbour
}

func lastDay(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func atoi(s string) int {
	n := 0
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
