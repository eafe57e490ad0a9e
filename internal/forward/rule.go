package forward

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/fold"
)

// Rule says which objects go to which destinations. An object matches when it matches one value of each list
// that is not empty.
type Rule struct {
	Name        string
	Facility    []halong.Facility
	CallingAE   []string // who sent the object here
	Modality    []string
	SOPClass    []dicom.UID
	Description []string // of study or series: with wildcards * and ?, without regard to case and diacritics
	Schedule    Schedule // of the time at which the object was stored
	To          []string // names of destinations
}

// needsFacts tells whether the rule asks more than the event tells.
func (r *Rule) needsFacts() bool {
	return len(r.CallingAE)+len(r.Modality)+len(r.Description) > 0
}

// matchesEvent tells whether the rule matches as far as the event tells.
func (r *Rule) matchesEvent(it *Item, at time.Time) bool {
	_, open := r.Schedule.Open(at)
	return open && anyOf(r.Facility, it.Facility) && anyOf(r.SOPClass, it.Class)
}

// matchesFacts tells the rest.
func (r *Rule) matchesFacts(f *Facts) bool {
	return anyOf(r.CallingAE, strings.TrimSpace(f.CallingAE)) && anyOf(r.Modality, f.Modality) && r.describes(f)
}

func anyOf[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

func (r *Rule) describes(f *Facts) bool {
	if len(r.Description) == 0 {
		return true
	}
	study, series := fold.Name(f.StudyDescription), fold.Name(f.SeriesDescription)
	return slices.ContainsFunc(r.Description, func(p string) bool {
		p = fold.Name(p)
		return like(p, study) || like(p, series)
	})
}

// like tells whether a text matches a pattern with the wildcards of PS3.4 C.2.2.2.4.
func like(pattern, text string) bool {
	back, mark := -1, 0 // where to go on in pattern and text when the last * takes one character more
	p, t := 0, 0
	for t < len(text) {
		switch _, n := utf8.DecodeRuneInString(text[t:]); {
		case p < len(pattern) && pattern[p] == '*':
			back, mark = p+1, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			t += n
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case back >= 0:
			_, n = utf8.DecodeRuneInString(text[mark:])
			mark += n
			p, t = back, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// route gives the destinations of an object, each once, in the order of the rules. facts is asked at most once, and only when
// a rule needs it.
func route(rules []Rule, it *Item, at time.Time, facts func() (*Facts, error)) (to []string, err error) {
	var f *Facts
	for i := range rules {
		r := &rules[i]
		if !r.matchesEvent(it, at) {
			continue
		}
		if r.needsFacts() {
			if f == nil {
				if f, err = facts(); err != nil {
					return nil, err
				}
			}
			if !r.matchesFacts(f) {
				continue
			}
		}
		for _, name := range r.To {
			if !slices.Contains(to, name) {
				to = append(to, name)
			}
		}
	}
	return to, nil
}

// routeBlindly gives the destinations of an object of which no more is known than the event tells.
func routeBlindly(rules []Rule, it *Item, at time.Time) (to []string) {
	for i := range rules {
		if !rules[i].matchesEvent(it, at) {
			continue
		}
		for _, name := range rules[i].To {
			if !slices.Contains(to, name) {
				to = append(to, name)
			}
		}
	}
	return to
}
