package forward_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
)

func windows(t testing.TB, zone *time.Location, texts ...string) forward.Schedule {
	t.Helper()
	s := forward.Schedule{Zone: zone}
	for _, text := range texts {
		w, err := forward.ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Windows = append(s.Windows, w)
	}
	return s
}

// TestSchedule: when windows are open, since when, and when they open next.
func TestSchedule(t *testing.T) {
	hanoi := time.FixedZone("ICT", 7*3600)
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, hanoi)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		windows     []string
		now         string
		since, next string // empty: closed; always
	}{
		{nil, "2026-11-22 12:00", "always", ""}, // a Sunday
		{[]string{"22:00-06:00"}, "2026-11-22 05:59", "2026-11-21 22:00", ""},
		{[]string{"22:00-06:00"}, "2026-11-22 06:00", "", "2026-11-22 22:00"},
		{[]string{"Mon-Fri 19:00-07:00"}, "2026-11-21 06:59", "2026-11-20 19:00", ""},
		{[]string{"Mon-Fri 19:00-07:00"}, "2026-11-21 07:00", "", "2026-11-23 19:00"},
		{[]string{"Mon-Fri 19:00-07:00", "Sat,Sun"}, "2026-11-22 12:00", "2026-11-20 19:00", ""},
		{[]string{"Mon-Fri 19:00-07:00", "Sat,Sun"}, "2026-11-23 06:00", "", "2026-11-23 19:00"}, // Sunday's window has no night
		{[]string{"Fri-Mon"}, "2026-11-24 00:00", "", "2026-11-27 00:00"},
		{[]string{"sun 08:00-12:00"}, "2026-11-22 12:00", "", "2026-11-29 08:00"},
		{[]string{"00:00-24:00"}, "2026-11-22 12:00", "always", ""},
	} {
		s := windows(t, hanoi, c.windows...)
		now := at(c.now)
		since, open := s.Open(now)
		switch {
		case c.since == "always" && (!open || !since.IsZero()),
			c.since == "" && open,
			c.since != "" && c.since != "always" && (!open || !since.Equal(at(c.since))):
			t.Errorf("%v at %s: open %v since %v", c.windows, c.now, open, since)
		}
		want := now
		if c.next != "" {
			want = at(c.next)
		}
		if next := s.Next(now); !next.Equal(want) {
			t.Errorf("%v at %s: next %v", c.windows, c.now, next)
		}
	}
}

// TestBadWindows: what is no window is refused.
func TestBadWindows(t *testing.T) {
	for _, text := range []string{"", "Mon-", "Lun", "25:00-26:00", "10:00", "10:00-10:60", "Mon Tue", "Mon 10:00-11:00 x", "1:2-3:4", "-1:00-02:00", "24:00-25:00"} {
		if w, err := forward.ParseWindow(text); err == nil {
			t.Errorf("%q: %+v", text, w)
		}
	}
}

// TestRoute: any value of each list matches; facts are asked once, and only if needed.
func TestRoute(t *testing.T) {
	it := &forward.Item{Facility: "BV1", Class: "1.2.840.10008.5.1.4.1.1.2"}
	facts := &forward.Facts{CallingAE: "CT1 ", Modality: "CT", StudyDescription: "CT Lồng ngực có thuốc", SeriesDescription: "AX 1.25"}
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		rule  forward.Rule
		match bool
		asked int
	}{
		"everything":      {forward.Rule{}, true, 0},
		"facility":        {forward.Rule{Facility: []halong.Facility{"BV2", "BV1"}}, true, 0},
		"other facility":  {forward.Rule{Facility: []halong.Facility{"BV2"}, Modality: []string{"CT"}}, false, 0},
		"class":           {forward.Rule{SOPClass: []dicom.UID{it.Class}}, true, 0},
		"other class":     {forward.Rule{SOPClass: []dicom.UID{"1.2"}}, false, 0},
		"caller":          {forward.Rule{CallingAE: []string{"MR1", "CT1"}}, true, 1},
		"other caller":    {forward.Rule{CallingAE: []string{"MR1"}}, false, 1},
		"modality":        {forward.Rule{Modality: []string{"MR", "CT"}}, true, 1},
		"all must match":  {forward.Rule{Modality: []string{"CT"}, CallingAE: []string{"MR1"}}, false, 1},
		"description":     {forward.Rule{Description: []string{"*LONG NGUC*"}}, true, 1},
		"series":          {forward.Rule{Description: []string{"nothing", "ax ?.25"}}, true, 1},
		"no description":  {forward.Rule{Description: []string{"ax"}}, false, 1},
		"at night":        {forward.Rule{Schedule: windows(t, nil, "22:00-06:00")}, true, 0},
		"during the day":  {forward.Rule{Schedule: windows(t, nil, "06:00-22:00")}, false, 0},
		"in another zone": {forward.Rule{Schedule: windows(t, time.FixedZone("", 7*3600), "06:00-22:00")}, true, 0},
	} {
		asked := 0
		c.rule.To = []string{"a", "b"}
		to, err := forward.Route([]forward.Rule{c.rule, {To: []string{"b"}, Modality: c.rule.Modality, CallingAE: c.rule.CallingAE, Description: c.rule.Description, Facility: c.rule.Facility, SOPClass: c.rule.SOPClass, Schedule: c.rule.Schedule}},
			it, at, func() (*forward.Facts, error) { asked++; return facts, nil })
		var want []string
		if c.match {
			want = []string{"a", "b"}
		}
		if d := cmp.Diff(want, to); d != "" || err != nil || asked != c.asked {
			t.Errorf("%s: asked %d times, %v\n%s", name, asked, err, d)
		}
	}
}

// TestLike: wildcards.
func TestLike(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"*", "", true},
		{"?", "", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"*ab", "aab", true},
		{"?b", "đb", true},
		{"*ế?", "kết", true},
		{"a", "ab", false},
		{"ab*", "ab", true},
		{"**a**", "a", true},
	} {
		if got := forward.Like(c.pattern, c.text); got != c.want {
			t.Errorf("%q, %q: %v", c.pattern, c.text, got)
		}
	}
}

// TestBackoff: it doubles up to a limit, and between half and all of it is waited.
func TestBackoff(t *testing.T) {
	b := forward.Backoff{First: 10 * time.Second, Most: time.Minute}
	for failures, want := range map[int]time.Duration{0: 10, 1: 10, 2: 20, 3: 40, 4: 60, 100: 60} {
		want *= time.Second
		if d := b.After(failures, func() float64 { return 0 }); d != want/2 {
			t.Errorf("%d failures: at least %v", failures, d)
		}
		if d := b.After(failures, func() float64 { return 0.5 }); d != want*3/4 {
			t.Errorf("%d failures: %v", failures, d)
		}
	}
}

// TestScheduleClockChange: over midnight, and where an hour is missing or comes twice, a schedule opens and closes by the clock on the wall, and
// Next never tells a time that has passed.
func TestScheduleClockChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine: ", err)
	}
	for _, c := range []struct {
		window, from string // UTC
		open         string // minutes for which it is open in the 24 hours after
		next         string // UTC
	}{
		{"22:00-06:00", "2026-03-28T12:00:00Z", "420m", "2026-03-28T21:00:00Z"}, // a night of 7 hours
		{"22:00-06:00", "2026-10-24T12:00:00Z", "540m", "2026-10-24T20:00:00Z"}, // of 9
		{"Sun", "2026-03-28T22:00:00Z", "1380m", "2026-03-28T23:00:00Z"},
		{"Sun", "2026-10-24T21:00:00Z", "1380m", "2026-10-24T22:00:00Z"},       // of its 25 hours
		{"02:00-03:00", "2026-03-28T12:00:00Z", "0m", "2026-03-30T00:00:00Z"},  // is not there that night
		{"02:30-03:30", "2026-10-24T12:00:00Z", "60m", "2026-10-25T01:30:00Z"}, // once, in the hour that comes twice
		{"23:59-00:01", "2026-11-22T12:00:00Z", "2m", "2026-11-22T22:59:00Z"},
		{"Sat 20:00-20:00", "2026-03-28T12:00:00Z", "1020m", "2026-03-28T19:00:00Z"},
	} {
		s := windows(t, zone, c.window)
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		open := 0
		for at := from; at.Before(from.Add(24 * time.Hour)); at = at.Add(time.Minute) {
			since, yes := s.Open(at)
			if yes {
				open++
			}
			if next := s.Next(at); next.Before(at) || yes != next.Equal(at) || yes && since.After(at) {
				t.Errorf("%s at %v: open %v since %v, next %v", c.window, at, yes, since, next)
			}
		}
		next := s.Next(from)
		for _, yes := s.Open(next); !yes; _, yes = s.Open(next) { // a window that a change of the clock swallowed
			next = s.Next(next.Add(time.Minute))
		}
		if got := next.UTC().Format(time.RFC3339); got != c.next || fmt.Sprintf("%dm", open) != c.open {
			t.Errorf("%s after %s: next %s, open for %d minutes; want %s, %s", c.window, c.from, got, open, c.next, c.open)
		}
	}
}
