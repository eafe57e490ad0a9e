package patient

import (
	"errors"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/fold"
)

// MaxBearers is how many patients are looked at that bear one identifier. More bear only what stands for a number that is not known, as 0.
const MaxBearers = 1000

// ErrBearers says that there are more.
var ErrBearers = errors.New("more than 1000 patients bear this identifier")

// Query asks for patients. Empty fields match all; of texts given all must match.
type Query struct {
	Facility   halong.Facility
	Identifier string // any of the patient's identifiers
	Authority  string // of that identifier
	Name       string // each word is the beginning of one of the name; case and diacritics do not count
	Birth      string // YYYY-MM-DD
	Sex        string // table 0001
	After      string // Found.Next of the page before
	Limit      int    // at most so many; 0: 100
}

// Words gives the folded words that a name is to be found by, the longest first.
func (q *Query) Words() []string {
	var out []string
	start := -1
	s := fold.Name(q.Name)
	add := func(w string) {
		at := len(out)
		for at > 0 && len(out[at-1]) < len(w) {
			at--
		}
		out = append(out[:at], append([]string{w}, out[at:]...)...)
	}
	for i := 0; i <= len(s); i++ {
		switch word := i < len(s) && s[i] != ' ' && s[i] != '*'; {
		case word && start < 0:
			start = i
		case !word && start >= 0:
			add(s[start:i])
			start = -1
		}
	}
	return out
}

// Found is a page of patients: of those that match, the ones who survive, each once on a page.
type Found struct {
	Patients []*Patient
	Next     string // where the next page begins; empty: there is none
}

// Group is one person as far as is known.
type Group struct {
	Survivor *Patient
	Merged   []*Patient // into the survivor, also over others
	Linked   []*Patient // survivors of those that are said to be the same person
}

// Retired tells whether an identifier is the identity of one who was merged.
func (g *Group) Retired(f halong.Facility, id Identifier) bool {
	for _, p := range g.Merged {
		if identityOf(p) == (Identity{Facility: f, Authority: id.Authority, ID: id.ID}) {
			return true
		}
	}
	return false
}
