package dataset

import "errors"

// Limits bound what a Reader accepts. A zero field stands for its default.
type Limits struct {
	Depth    int   // sequences inside one another; default 64
	Items    int64 // items and fragments in the whole data set; default 900,000
	Elements int64 // elements in the whole data set; default 20,000,000
	Value    int64 // bytes of a value, or of all values of a Set, taken into memory; default 64 MiB
	Total    int64 // bytes of the data set, inflated if it was deflated; default 64 GiB
	Inflated int64 // bytes that a deflated data set may come to; default 4 GiB
	Ratio    int64 // inflated to deflated bytes, looked at beyond 64 MiB; default 1000
}

// ErrLimit is wrapped by the *SyntaxError of a data set that exceeds a limit.
var ErrLimit = errors.New("limit exceeded")

// inflateFree is how many bytes may be inflated before Limits.Ratio is looked at.
const inflateFree = 64 << 20

func (l Limits) withDefaults() Limits {
	fill := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	if l.Depth <= 0 {
		l.Depth = 64
	}
	fill(&l.Items, 900_000)
	fill(&l.Elements, 20_000_000)
	fill(&l.Value, 64<<20)
	fill(&l.Total, 64<<30)
	fill(&l.Inflated, 4<<30)
	fill(&l.Ratio, 1000)
	return l
}
