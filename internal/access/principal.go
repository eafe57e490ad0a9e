package access

import (
	"github.com/halong-gateway/halong"
)

// Principal is a caller that was let in.
type Principal struct {
	Name     string          // for logs and records: the token's or certificate's name, the calling AE title
	Facility halong.Facility // what the caller stores belongs to it
	Scope    halong.Scope    // what the caller may see
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
