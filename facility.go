package halong

import "slices"

// Facility names the hospital or department a row belongs to, as the
// configuration calls it ("BV1"). Every row has one.
type Facility string

// DefaultFacility owns what no rule gives to another.
const DefaultFacility Facility = "default"

// Scope says what a caller may see and which facility's view is preferred when
// several hold the same UID. The zero Scope sees nothing: deny by default.
type Scope struct {
	Own     Facility   // the caller's own facility, preferred in merged answers; may be empty
	Visible []Facility // in order of preference after Own
	All     bool       // sees every facility (operators, single-facility installations)
}

// Sees tells whether rows of f are visible.
func (s Scope) Sees(f Facility) bool {
	return s.All || (s.Own != "" && s.Own == f) || slices.Contains(s.Visible, f)
}

// Everything is the scope of the operator's own commands.
func Everything() Scope { return Scope{All: true} }

// Source says where something came from. It is kept with every record.
type Source struct {
	Protocol string `json:"protocol"`          // "C-STORE", "STOW-RS", "MLLP", "import"
	Peer     string `json:"peer,omitempty"`    // calling AE title, token name, sending application
	Address  string `json:"address,omitempty"` // IP address without port; a file name is never put here
}
