package intake

import (
	"encoding/json"
	"errors"

	"github.com/halong-gateway/halong/lab"
)

// resultMessage is the body of POST /results: results of one patient (docs/lab.md). It becomes an ORU^R01.
type resultMessage struct {
	Control string         `json:"control"` // MSH-10; without it, made of the body: the same body is a duplicate
	Sender  string         `json:"sender"`  // MSH-3
	Site    string         `json:"sendingFacility"`
	Time    string         `json:"time"` // MSH-7
	Patient *resultPatient `json:"patient"`
	Visit   string         `json:"visit"` // PV1-19
	Reports []resultReport `json:"reports"`
}

type resultPatient struct {
	ID string `json:"id"`
	JSONAuthority
	Type        string             `json:"type"`
	Identifiers []resultIdentifier `json:"identifiers"`
	Name        string             `json:"name"` // family^given^middle
	BirthDate   string             `json:"birthDate"`
	Sex         string             `json:"sex"`
}

type resultIdentifier struct {
	ID        string `json:"id"`
	Authority string `json:"authority"`
	Type      string `json:"type"`
}

type resultReport struct {
	Service      resultCode          `json:"service"`
	Status       string              `json:"status"` // a letter of table 0123, or a word; final
	Placer       resultOrder         `json:"placerOrder"`
	Filler       resultOrder         `json:"fillerOrder"`
	Accession    string              `json:"accession"`
	Observed     string              `json:"observed"`
	Reported     string              `json:"reported"`
	Section      string              `json:"section"`
	Specimen     *resultSpecimen     `json:"specimen"`
	Orderer      *lab.Person         `json:"orderer"`
	Interpreter  *lab.Person         `json:"interpreter"`
	Notes        []string            `json:"notes"`
	Observations []resultObservation `json:"observations"`
	Documents    []resultDocument    `json:"documents"`
}

type resultSpecimen struct {
	ID        string     `json:"id"`
	Type      resultCode `json:"type"`
	Collected string     `json:"collected"`
	Received  string     `json:"received"`
}

type resultObservation struct {
	Code      resultCode    `json:"code"`
	Alternate resultCode    `json:"alternate"`
	Sub       string        `json:"subId"`
	Value     *resultValue  `json:"value"`
	Values    []resultValue `json:"values"`
	Units     resultCode    `json:"units"`
	Range     string        `json:"range"`
	Flags     []string      `json:"flags"`
	Status    string        `json:"status"` // a letter of table 0085, or a word; the report's
	Observed  string        `json:"observed"`
	Method    string        `json:"method"`
	Equipment string        `json:"equipment"`
	Observer  *lab.Person   `json:"observer"`
	Notes     []string      `json:"notes"`
}

type resultDocument struct {
	Code      resultCode `json:"code"`
	MediaType string     `json:"mediaType"`
	Data      []byte     `json:"data"` // Base64
}

// resultCode is a coded element; in JSON also a text alone, which is its code.
type resultCode struct{ lab.Coded }

// UnmarshalJSON implements json.Unmarshaler.
func (c *resultCode) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &c.Code)
	}
	return json.Unmarshal(b, &c.Coded)
}

func (resultCode) shape() (object any, scalars string) { return lab.Coded{}, aText }

// resultOrder is an order number; in JSON also a text alone.
type resultOrder struct{ lab.Order }

// UnmarshalJSON implements json.Unmarshaler.
func (o *resultOrder) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &o.ID)
	}
	return json.Unmarshal(b, &o.Order)
}

func (resultOrder) shape() (object any, scalars string) { return lab.Order{}, aText }

// resultValue is a number, a text or a coded element.
type resultValue struct {
	number json.Number
	text   string
	coded  *lab.Coded
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *resultValue) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) == 0:
		return errors.New("an empty value")
	case b[0] == '"':
		return json.Unmarshal(b, &v.text)
	case b[0] == '{':
		v.coded = &lab.Coded{}
		return json.Unmarshal(b, v.coded)
	case b[0] == '-' || b[0] >= '0' && b[0] <= '9':
		return json.Unmarshal(b, &v.number)
	}
	return errors.New("a value is a number, a text or a code")
}

func (resultValue) shape() (object any, scalars string) {
	return lab.Coded{}, aNumber + ", " + aText
}
