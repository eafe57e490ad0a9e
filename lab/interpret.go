package lab

// Reading is what we make of an observation as it is given out. It is never stored: better
// maps give better readings of old results too.
type Reading struct {
	Code     *Mapped `json:"code,omitempty"`     // LOINC
	Unit     *Mapped `json:"unit,omitempty"`     // UCUM
	Flags    []Flag  `json:"flags,omitempty"`    // OBX-8 by table 0078
	Computed string  `json:"computed,omitempty"` // without flags: no, low or high, by the range
}

// Mapped is a code that stands for the sender's, and what says so.
type Mapped struct {
	Code   string `json:"code"`
	Text   string `json:"text,omitempty"`
	System string `json:"system"`           // http://loinc.org or http://unitsofmeasure.org
	By     string `json:"by"`               // "sender", "syntax" (a unit that is UCUM as it stands), or "map NAME version VERSION"
	Digest string `json:"digest,omitempty"` // of that map, SHA-256
}

// place tells where a value is to a range: no, low or high; empty if that cannot be told. sex
// (M or F) chooses among forms without an age.
func (r *Range) place(v *Value, sex string) string {
	l := r.Limits
	for _, f := range r.Forms {
		if f.Sex == sex && f.Sex != "" && f.Age == "" {
			l = f.Limits
		}
	}
	n, err := v.Number.Float64()
	if err != nil || v.Number2 != "" || v.Separator != "" {
		return ""
	}
	low, lerr := l.Low.Float64()
	high, herr := l.High.Float64()
	if lerr != nil && herr != nil {
		return ""
	}
	up, down := v.Comparator == ">" || v.Comparator == ">=", v.Comparator == "<" || v.Comparator == "<="
	switch {
	case lerr == nil && !up && below(n, low, l.LowExclusive, v.Comparator):
		return "low"
	case herr == nil && !down && below(-n, -high, l.HighExclusive, v.Comparator):
		return "high"
	case up && herr == nil, down && lerr == nil: // it may be anywhere beyond
		return ""
	case up && n < low, down && n > high:
		return ""
	}
	return "no"
}

// below tells whether n is under a limit; a comparator away from the limit means that it is even at it.
func below(n, limit float64, exclusive bool, comparator string) bool {
	if n == limit {
		return exclusive || comparator == "<" || comparator == ">"
	}
	return n < limit
}
