package access

import (
	"github.com/halong-gateway/halong"
)

// Principal is a caller that was let in.
type Principal struct {
	Name     string          // for logs and records: the token's or certificate's name, the calling AE title
	Facility halong.Facility // what the caller stores belongs to it
	Scope    halong.Scope    // what the caller may see
	Rights   Rights          // what it may do beyond seeing and storing
}

// Rights are given one by one; the zero value has none.
type Rights struct {
	Delete bool // take objects of its own facility out of sight, and back
	Purge  bool // give up at once what was taken out of sight
}

// Deletes tells whether the caller may delete in a facility; empty stands for its own, or all when it sees all.
func (p Principal) Deletes(f halong.Facility) bool {
	return p.Rights.Delete && (f == "" || p.Scope.All || f == p.Facility)
}

// Grant says what a token or certificate of that name may do. Without any
// facility it may see everything and stores into fallback; with one, or a list, it
// sees those alone.
func Grant(name string, own halong.Facility, others []halong.Facility, fallback halong.Facility) Principal {
	p := Principal{Name: name, Facility: own}
	if own == "" && len(others) == 0 {
		p.Scope.All = true
	} else {
		p.Scope = halong.Scope{Own: own, Visible: others}
	}
	if p.Facility == "" {
		p.Facility = fallback
		if len(others) > 0 {
			p.Facility = others[0]
		}
	}
	return p
}
