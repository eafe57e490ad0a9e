package forward

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Window is a span of the week in local time: "Mon-Fri 19:00-07:00", "Sat,Sun", "22:00-06:00". Where the end is not
// after the beginning it lies on the next day.
type Window struct {
	days     [7]bool // on which it begins, from Sunday
	from, to int     // minutes after midnight; to may be more than a day
}

const day = 24 * 60

var dayNames = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWindow reads a window.
func ParseWindow(text string) (w Window, err error) {
	bad := fmt.Errorf("%q is no window such as \"Mon-Fri 19:00-07:00\", \"Sat,Sun\" or \"22:00-06:00\"", text)
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 2 {
		return w, bad
	}
	w.from, w.to = 0, day
	span := fields[len(fields)-1]
	if strings.Contains(span, ":") {
		if !w.span(span) {
			return w, bad
		}
		fields = fields[:len(fields)-1]
	} else if len(fields) == 2 {
		return w, bad
	}
	if len(fields) == 0 {
		w.days = [7]bool{true, true, true, true, true, true, true}
		return w, nil
	}
	for part := range strings.SplitSeq(fields[0], ",") {
		if !w.addDays(part) {
			return w, bad
		}
	}
	return w, nil
}

// span reads "19:00-07:00".
func (w *Window) span(s string) (ok bool) {
	from, to, found := strings.Cut(s, "-")
	if !found {
		return false
	}
	var okFrom, okTo bool
	w.from, okFrom = minutes(from)
	w.to, okTo = minutes(to)
	if w.to <= w.from {
		w.to += day
	}
	return okFrom && okTo && w.from < day && w.to-w.from <= day
}

func minutes(s string) (int, bool) {
	h, m, found := strings.Cut(s, ":")
	hours, herr := strconv.Atoi(h)
	mins, merr := strconv.Atoi(m)
	n := 60*hours + mins
	return n, found && herr == nil && merr == nil && len(m) == 2 && hours >= 0 && mins >= 0 && mins < 60 && n <= day
}

// addDays reads "Mon" or "Mon-Fri".
func (w *Window) addDays(s string) bool {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	from, to := weekday(first), weekday(last)
	if from < 0 || to < 0 {
		return false
	}
	for d := from; ; d = (d + 1) % 7 {
		w.days[d] = true
		if d == to {
			return true
		}
	}
}

func weekday(s string) int {
	s = strings.ToLower(s)
	for i, name := range dayNames {
		if s == name {
			return i
		}
	}
	return -1
}

// Schedule is when something may happen: in any of its windows, always if it has none.
type Schedule struct {
	Windows []Window
	Zone    *time.Location // nil: UTC
}

func (s *Schedule) local(t time.Time) time.Time {
	if s.Zone == nil {
		return t.UTC()
	}
	return t.In(s.Zone)
}

// Open tells whether t lies in a window, and since when that is open without a break: zero if always.
func (s *Schedule) Open(t time.Time) (since time.Time, open bool) {
	if len(s.Windows) == 0 {
		return time.Time{}, true
	}
	for at := t; ; at = since.Add(-time.Nanosecond) {
		begin, ok := s.begin(at)
		if !ok {
			return since, open
		}
		since, open = begin, true
		if t.Sub(since) > 8*24*time.Hour {
			return time.Time{}, true // all week
		}
	}
}

// begin gives the earliest beginning of the windows that t lies in.
func (s *Schedule) begin(t time.Time) (first time.Time, ok bool) {
	l := s.local(t)
	for i := range s.Windows {
		for back := range 2 {
			begin, end, on := s.Windows[i].on(l, -back)
			if on && !t.Before(begin) && t.Before(end) && (!ok || begin.Before(first)) {
				first, ok = begin, true
			}
		}
	}
	return first, ok
}

// on gives the window's beginning and end on the day that lies so many days after l's.
func (w *Window) on(l time.Time, days int) (begin, end time.Time, ok bool) {
	y, m, d := l.Date()
	at := func(minutes int) time.Time { return time.Date(y, m, d+days, 0, minutes, 0, 0, l.Location()) }
	return at(w.from), at(w.to), w.days[at(0).Weekday()]
}

// Next gives when the schedule opens, t if it is open.
func (s *Schedule) Next(t time.Time) time.Time {
	if _, open := s.Open(t); open {
		return t
	}
	var next time.Time
	l := s.local(t)
	for i := range s.Windows {
		for days := range 8 {
			begin, _, on := s.Windows[i].on(l, days)
			if on && begin.After(t) && (next.IsZero() || begin.Before(next)) {
				next = begin
			}
		}
	}
	return next
}
