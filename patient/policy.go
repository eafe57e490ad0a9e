package patient

import (
	"slices"

	"github.com/halong-gateway/halong"
)

// Demographics says when what is registered of a patient is served in the place of what headers say.
type Demographics string

// The choices.
const (
	// DemographicsUpdated, the default: of patients that were merged, or whose data were updated after they had been registered.
	DemographicsUpdated Demographics = "updated"
	// DemographicsRegistered: of every patient that an ADT message named.
	DemographicsRegistered Demographics = "registered"
	// DemographicsReceived: never; a merge changes Patient ID and Issuer of Patient ID alone.
	DemographicsReceived Demographics = "received"
)

// Policy is what a site says of patients' identities.
type Policy struct {
	Demographics Demographics
	System       string // Modifying System (0400,0563) where something else is served than was received
	Facilities   map[halong.Facility]Authorities
	Others       Authorities // of facilities that are not listed
}

// Authorities are the assigning authorities of a facility's patient identifiers.
type Authorities struct {
	Own     string   // of identifiers that name none; empty: those stay without one
	Trusted []string // whose identifiers ADT messages may bring in, beside Own; nil: anybody's
}

// of gives the authorities of a facility.
func (p *Policy) of(f halong.Facility) Authorities {
	if a, ok := p.Facilities[f]; ok {
		return a
	}
	return p.Others
}

// trusts tells whether identifiers of an authority may come in.
func (a *Authorities) trusts(authority string) bool {
	return a.Trusted == nil || authority == a.Own || slices.Contains(a.Trusted, authority)
}

// own gives the patient with identifiers that name no authority under the facility's own.
func (p *Policy) own(in *Patient) *Patient {
	own := p.of(in.Facility).Own
	if own == "" {
		return in
	}
	out := *in
	out.Identifiers = nil
	for _, id := range in.Identifiers {
		if id.Authority == "" && id.System == "" {
			id.Authority = own
		}
		out.know(id)
	}
	return &out
}

// trusted gives the patient with the identifiers of trusted authorities alone, those that name none under the facility's own.
func (p *Policy) trusted(in *Patient) *Patient {
	a := p.of(in.Facility)
	out := *in
	out.Identifiers = nil
	for _, id := range in.Identifiers {
		if id.Authority == "" && id.System == "" {
			id.Authority = a.Own
		}
		if a.trusts(id.Authority) {
			out.know(id)
		}
	}
	return &out
}

// Served tells whether anything of a patient's may be served in the place of what was received.
func (p *Policy) Served(x *Patient) bool {
	return x.Survivor != 0 || x.Current || p.Demographics == DemographicsRegistered && x.Registered
}
