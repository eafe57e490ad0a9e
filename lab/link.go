package lab

import (
	"strings"
	"time"
)

// link makes a report's keys. Reports on a result of another report (OBR-26) are told apart by it: several
// isolates have an antibiogram of the same service. A document is known by its unique number.
func (r *Report) link() Link {
	service := r.Service.Code
	if service == "" {
		service = r.Service.Text
	}
	if r.ParentResult != "" {
		service += "<" + r.ParentResult
	}
	l := Link{Service: service, Filler: r.Filler.key(), Placer: r.Placer.key(), Accession: r.Accession, Observed: r.Observed}
	if d := r.Document; d != nil && d.ID != "" {
		l.Service, l.Filler = "TXA", documentKey(d.ID)
		if d.replaces() {
			l.replaces = documentKey(d.Parent)
		}
	}
	for _, s := range []*string{&l.Service, &l.Filler, &l.Placer, &l.Accession, &l.Observed} {
		if len(*s) > maxKey {
			*s = strings.ToValidUTF8((*s)[:maxKey], "")
		}
	}
	return l
}

// known is what the keys tell of their report.
func (l *Link) known() *Report {
	service, _, _ := strings.Cut(l.Service, "<")
	r := &Report{Service: Coded{Text: service}, Placer: orderOf(l.Placer), Accession: l.Accession, Observed: l.Observed}
	if id, ok := strings.CutPrefix(l.Filler, documentKey("")); ok && l.Service == "TXA" {
		r.Document = &Document{ID: id}
	} else {
		r.Filler = orderOf(l.Filler)
	}
	return r
}

// documentKey is a document number where other reports have their filler order number.
func documentKey(id string) string { return "TXA-12 " + id }

// maxKey bounds a key in bytes; nobody's numbers are that long.
const maxKey = 256

// numbered tells whether two reports have a number of the same kind, by which they can be compared.
func (l *Link) numbered(next *Link) bool {
	return l.Filler != "" && next.Filler != "" || l.Placer != "" && next.Placer != "" || l.Accession != "" && next.Accession != ""
}

func (o *Order) key() string {
	switch {
	case o == nil:
		return ""
	case o.Namespace == "":
		return o.ID
	}
	return o.ID + "|" + o.Namespace
}

// orderOf undoes key.
func orderOf(key string) *Order {
	if key == "" {
		return nil
	}
	id, namespace, _ := strings.Cut(key, "|")
	return &Order{ID: id, Namespace: namespace}
}

// matches tells whether a report of the same patient and service that has the
// keys l is an earlier version of one that has the keys next. The first of these that
// both have decides: filler order number, placer order number, accession, time of
// observation. correction tells that next calls itself a correction.
func (l *Link) matches(next *Link, correction bool) bool {
	if l.Service == "TXA" && next.Service == "TXA" {
		return l.Filler == next.Filler || l.Filler == next.replaces
	}
	same, known := compare(l.Filler, next.Filler)
	if !known {
		same, known = compare(l.Placer, next.Placer)
	}
	if known {
		return same && (correction || !(l.daily() && farApart(l.Observed, next.Observed)))
	}
	if same, known = compare(l.Accession, next.Accession); known {
		return same && (l.Observed == next.Observed || l.Observed == "" || next.Observed == "")
	}
	return l.Service != "" && l.Observed != "" && l.Observed == next.Observed
}

// compare tells whether two numbers are the same, and whether both are there. A namespace that
// only one of them has does not make them differ.
func compare(a, b string) (same, known bool) {
	if a == "" || b == "" {
		return false, false
	}
	ida, nsa, _ := strings.Cut(a, "|")
	idb, nsb, _ := strings.Cut(b, "|")
	return ida == idb && (nsa == nsb || nsa == "" || nsb == ""), true
}

// daily tells whether the order number looks like a sequence that begins again
// every day: at most six digits. Such a number says nothing about another day's.
func (l *Link) daily() bool {
	id := l.Filler
	if id == "" {
		id = l.Placer
	}
	id, _, _ = strings.Cut(id, "|")
	return len(id) <= 6 && digits(id)
}

// farApart tells whether two times are known and more than 24 hours apart.
func farApart(a, b string) bool {
	ta, ok1 := instant(a)
	tb, ok2 := instant(b)
	d := ta.Sub(tb)
	return ok1 && ok2 && (d > 24*time.Hour || d < -24*time.Hour)
}

// instant reads a time that hl7v2.Time.ISO wrote; without an offset it is taken as UTC.
func instant(s string) (time.Time, bool) {
	layouts := [...]string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
		"2006-01-02T15Z07:00", "2006-01-02T15", "2006-01-02", "2006-01", "2006",
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// IsTime tells whether a text is a time as reports have it: ISO 8601, with as many parts as are known.
func IsTime(s string) bool {
	_, ok := instant(s)
	return ok
}

// Between tells whether a time is from one on and before another; empty ones are open. What is no time lies in no range.
func Between(t, from, to string) bool {
	if from == "" && to == "" {
		return true
	}
	at, ok := instant(t)
	if !ok {
		return false
	}
	f, hasFrom := instant(from)
	u, hasTo := instant(to)
	return (!hasFrom || !at.Before(f)) && (!hasTo || at.Before(u))
}

// CompareTimes orders times; what is none comes first.
func CompareTimes(a, b string) int {
	ta, _ := instant(a)
	tb, _ := instant(b)
	return ta.Compare(tb)
}

// When gives the time that a report is filed under: of observation, else of receipt.
func (s *Shown) When() string {
	if _, ok := instant(s.Observed); ok {
		return s.Observed
	}
	return s.Received.Format(time.RFC3339Nano)
}
