package patient

import (
	"time"

	"github.com/halong-gateway/halong"
)

// Identity is what makes a patient one and the same.
type Identity struct {
	Facility  halong.Facility
	Authority string // assigning authority: PID-3.4; may be empty
	ID        string // PID-3.1
}

// Identifier is one of a patient's numbers.
type Identifier struct {
	ID        string `json:"id"`
	Authority string `json:"authority,omitempty"`
	Type      string `json:"type,omitempty"`   // HL7 table 0203: MR, NI, PI …
	System    string `json:"system,omitempty"` // URI of a known system of identifiers
}

// Patient is what is known of one patient. Texts are UTF-8.
type Patient struct {
	Key         int64           `json:"-"` // the store's own; not stable across reindex
	Facility    halong.Facility `json:"facility"`
	Identifiers []Identifier    `json:"identifiers"`         // the first is the identity
	Name        string          `json:"name,omitempty"`      // family^given^middle^prefix^suffix (PS3.5 6.2.1)
	Birth       string          `json:"birthDate,omitempty"` // ISO 8601, or the sender's text
	Sex         string          `json:"sex,omitempty"`       // PID-8, table 0001
	Sent        string          `json:"-"`                   // time of the message that the demographics are from

	Registered bool      `json:"-"` // an ADT message or an operator named it, not only a result or an order
	Current    bool      `json:"-"` // its demographics are served in the place of those that headers bear
	Survivor   int64     `json:"-"` // Key of the patient that it was merged into; 0: none
	Since      time.Time `json:"-"` // when Current, Survivor, or demographics that are served, changed last
}

// Identity gives the patient's identity; ok is false if there is no identifier.
func (p *Patient) Identity() (id Identity, ok bool) {
	if len(p.Identifiers) == 0 {
		return id, false
	}
	first := p.Identifiers[0]
	return Identity{Facility: p.Facility, Authority: first.Authority, ID: first.ID}, true
}

// CitizenID is the system of Vietnamese citizen identity numbers (VN Core implementation guide).
const CitizenID = "http://fhir.ehealth.gov.vn/core/sid/citizen_id"

// IsCCCD tells whether s has the form of a Vietnamese citizen identity number (CCCD): twelve
// digits, three for the place of birth registration (001 to 096 a province, above a country),
// one for sex and century, two for the year of birth, six more. It has no check digit.
func IsCCCD(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s[:3] != "000" && s[3] <= '5'
}
