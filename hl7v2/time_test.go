package hl7v2

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTimeLikePackageTime reads and writes times as package time does.
func TestTimeLikePackageTime(t *testing.T) {
	layouts := map[int]string{1: "2006", 2: "2006-01", 3: "2006-01-02", 4: "2006-01-02T15", 5: "2006-01-02T15:04", 6: "2006-01-02T15:04:05.999999999"}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-2]\d\d\d([01]\d([0-3]\d([0-2]\d([0-6]\d([0-6]\d(\.\d{1,9})?)?)?)?)?)?([+-][01]\d[0-5]\d)?`).Draw(t, "s")
		got, ok := ParseTime(s)
		n, zone := 0, ""
		for n < len(s) && s[n] != '+' && s[n] != '-' {
			n++
		}
		if n < len(s) {
			zone = "-0700"
		}
		layout := "20060102150405.999999999"[:n]
		want, err := time.Parse(layout+zone, s)
		if ok != (err == nil && (zone == "" || s[n+1:] < "16")) {
			t.Fatalf("%s: %v, %v", s, ok, err)
		}
		if !ok {
			return
		}
		if !got.Time.Equal(want) || got.Zone != (zone != "") {
			t.Fatalf("%s is %v, not %v", s, got, want)
		}
		iso := layouts[got.Parts]
		if got.Zone && got.Parts > 3 {
			iso += "-07:00"
		}
		if w := got.Time.Format(iso); got.ISO() != w {
			t.Fatalf("%s, not %s", got.ISO(), w)
		}
		mark := ""
		if got.Zone {
			mark = "Z"
		}
		if w := want.UTC().Format("2006-01-02T15:04:05.000000") + mark; got.Sortable() != w {
			t.Fatalf("%s, not %s", got.Sortable(), w)
		}
	})
}
