package lab

import "encoding/json"

// Report is one observation request with its results (OBR and what follows it)
// as one message told it. Times are ISO 8601 with as many parts as were sent,
// or the sender's own text when that is no HL7 time.
type Report struct {
	Service      Coded         `json:"service"`                // OBR-4
	Status       Status        `json:"status"`                 // from OBR-25, else from the observations
	HL7Status    string        `json:"hl7Status,omitempty"`    // OBR-25
	Placer       *Order        `json:"placerOrder,omitempty"`  // OBR-2, else ORC-2
	Filler       *Order        `json:"fillerOrder,omitempty"`  // OBR-3, else ORC-3
	Accession    string        `json:"accession,omitempty"`    // OBR-18
	Visit        string        `json:"visit,omitempty"`        // PV1-19
	Observed     string        `json:"observed,omitempty"`     // OBR-7
	Reported     string        `json:"reported,omitempty"`     // OBR-22
	Section      string        `json:"section,omitempty"`      // OBR-24
	Specimen     *Specimen     `json:"specimen,omitempty"`     // SPM, else OBR-15
	ParentResult string        `json:"parentResult,omitempty"` // OBR-26 as sent
	ParentOrder  string        `json:"parentOrder,omitempty"`  // OBR-29 as sent
	Notes        []string      `json:"notes,omitempty"`        // NTE after OBR
	Observations []Observation `json:"observations"`           //
	Sent         string        `json:"messageTime,omitempty"`  // MSH-7, in UTC if it told its offset
	Sender       string        `json:"sender,omitempty"`       // MSH-3
	Warnings     []string      `json:"warnings,omitempty"`     //
}

// Coded is a coded element.
type Coded struct {
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"`
	System string `json:"system,omitempty"`
}

// Order is an order number and who gave it.
type Order struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace,omitempty"`
}

// Specimen is what was examined.
type Specimen struct {
	ID   string `json:"id,omitempty"`
	Type Coded  `json:"type,omitzero"`
}

// Observation is one result (OBX).
type Observation struct {
	Code      Coded    `json:"code"`                // OBX-3
	Alternate *Coded   `json:"alternate,omitempty"` // OBX-3.4 to 3.6
	Sub       string   `json:"subId,omitempty"`     // OBX-4
	Type      string   `json:"type,omitempty"`      // OBX-2
	Values    []Value  `json:"values,omitempty"`    // OBX-5, one for each repetition
	Units     *Coded   `json:"units,omitempty"`     // OBX-6
	Range     *Range   `json:"range,omitempty"`     // OBX-7
	Flags     []string `json:"flags,omitempty"`     // OBX-8
	Status    Status   `json:"status"`              // from OBX-11
	HL7Status string   `json:"hl7Status,omitempty"` // OBX-11
	Observed  string   `json:"observed,omitempty"`  // OBX-14
	Analysed  string   `json:"analysed,omitempty"`  // OBX-19
	Producer  string   `json:"producer,omitempty"`  // OBX-15
	Method    string   `json:"method,omitempty"`    // OBX-17
	Equipment string   `json:"equipment,omitempty"` // OBX-18
	Notes     []string `json:"notes,omitempty"`     // NTE after OBX
	Warnings  []string `json:"warnings,omitempty"`  //
}

// Value is one value of an observation: always the sender's text, and what
// could be read from it.
type Value struct {
	Text       string      `json:"text,omitempty"`       // as sent, escape sequences replaced
	Comparator string      `json:"comparator,omitempty"` // <, <=, >, >=
	Number     json.Number `json:"number,omitempty"`     // with the digits as sent
	Separator  string      `json:"separator,omitempty"`  // SN.3: - (range), / or : (ratio), + (and more)
	Number2    json.Number `json:"number2,omitempty"`    // SN.4
	Coded      *Coded      `json:"coded,omitempty"`      // CE, CWE, CNE
	Time       string      `json:"time,omitempty"`       // DT, TM, TS, DTM in ISO 8601
	Attachment *Attachment `json:"attachment,omitempty"` // ED, RP
}

// Attachment describes encapsulated data (ED) or a reference pointer (RP). The data of
// an ED stay in the raw message.
type Attachment struct {
	Source   string `json:"source,omitempty"`   // ED.1
	Pointer  string `json:"pointer,omitempty"`  // RP.1
	Type     string `json:"type,omitempty"`     // ED.2, RP.3
	Subtype  string `json:"subtype,omitempty"`  // ED.3, RP.4
	Encoding string `json:"encoding,omitempty"` // ED.4
	Length   int    `json:"length,omitempty"`   // of the data as encoded, in bytes
}

// Range is a reference range: the sender's text, and its limits when they could be read.
type Range struct {
	Text          string      `json:"text"`
	Low           json.Number `json:"low,omitempty"`
	High          json.Number `json:"high,omitempty"`
	LowExclusive  bool        `json:"lowExclusive,omitempty"`
	HighExclusive bool        `json:"highExclusive,omitempty"`
}
