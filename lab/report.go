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
	Orderer      *Person       `json:"orderer,omitempty"`      // OBR-16
	Interpreter  *Person       `json:"interpreter,omitempty"`  // OBR-32
	Specimen     *Specimen     `json:"specimen,omitempty"`     // SPM and SAC, else OBR-15
	Specimens    []Specimen    `json:"specimens,omitempty"`    // further SPM of the same OBR
	Document     *Document     `json:"document,omitempty"`     // TXA of an MDM
	ParentResult string        `json:"parentResult,omitempty"` // OBR-26 as sent
	ParentOrder  string        `json:"parentOrder,omitempty"`  // OBR-29 as sent
	Parent       *Parent       `json:"parent,omitempty"`       // both, read
	Notes        []string      `json:"notes,omitempty"`        // NTE after OBR
	Observations []Observation `json:"observations"`           //
	Sent         string        `json:"messageTime,omitempty"`  // MSH-7, in UTC if it told its offset
	Sender       string        `json:"sender,omitempty"`       // MSH-3
	Warnings     []string      `json:"warnings,omitempty"`     //
}

// Parent names the result that a report is about: the organism of an antibiogram (OBR-26 and OBR-29, HL7 7.3.1).
type Parent struct {
	Code   Coded  `json:"code,omitzero"`         // PRL.1: OBX-3 of the parent
	Sub    string `json:"subId,omitempty"`       // PRL.2: OBX-4
	Text   string `json:"text,omitempty"`        // PRL.3: what its value says
	Placer *Order `json:"placerOrder,omitempty"` // EIP.1
	Filler *Order `json:"fillerOrder,omitempty"` // EIP.2
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

// Person is somebody who ordered, made or read a result (XCN).
type Person struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"` // family^given^middle^prefix^suffix
}

// Specimen is what was examined.
type Specimen struct {
	ID           string        `json:"id,omitempty"`           // SPM-2.1, else SPM-2.2, else SAC-3
	Filler       string        `json:"filler,omitempty"`       // SPM-2.2 beside SPM-2.1: the laboratory's name for the same specimen
	Container    string        `json:"container,omitempty"`    // SAC-3: what the barcode says
	Accession    string        `json:"accession,omitempty"`    // SAC-2
	Type         Coded         `json:"type,omitzero"`          // SPM-4
	Role         string        `json:"role,omitempty"`         // SPM-11 (table 0369): Q is a control, not the patient's
	Collected    string        `json:"collected,omitempty"`    // SPM-17
	Received     string        `json:"received,omitempty"`     // SPM-18
	Observations []Observation `json:"observations,omitempty"` // OBX of the specimen itself
}

// Document is what TXA says of a document (HL7 9.6.1).
type Document struct {
	Event        string `json:"event"`                  // T01 to T11
	ID           string `json:"id,omitempty"`           // TXA-12, the unique document number
	Parent       string `json:"parent,omitempty"`       // TXA-13
	Type         string `json:"type,omitempty"`         // TXA-2 (table 0270)
	Title        string `json:"title,omitempty"`        // TXA-25
	File         string `json:"file,omitempty"`         // TXA-16
	Completion   string `json:"completion,omitempty"`   // TXA-17 (table 0271)
	Availability string `json:"availability,omitempty"` // TXA-19 (table 0273)
	Reason       string `json:"reason,omitempty"`       // TXA-21
}

// Observation is one result (OBX).
type Observation struct {
	Code      Coded    `json:"code"`                // OBX-3
	Alternate *Coded   `json:"alternate,omitempty"` // OBX-3.4 to 3.6
	Further   []string `json:"further,omitempty"`   // OBX-3.7 and what follows it: versions, original text, another alternate
	Sub       string   `json:"subId,omitempty"`     // OBX-4
	Type      string   `json:"type,omitempty"`      // OBX-2
	Values    []Value  `json:"values,omitempty"`    // OBX-5, one for each repetition
	Units     *Coded   `json:"units,omitempty"`     // OBX-6
	Range     *Range   `json:"range,omitempty"`     // OBX-7
	Flags     []string `json:"flags,omitempty"`     // OBX-8
	Absent    string   `json:"absent,omitempty"`    // why there is no value: not-asked (OBX-11 is N), unknown (OBX-5 is the HL7 null)
	Status    Status   `json:"status"`              // from OBX-11
	HL7Status string   `json:"hl7Status,omitempty"` // OBX-11
	Observed  string   `json:"observed,omitempty"`  // OBX-14
	Analysed  string   `json:"analysed,omitempty"`  // OBX-19
	Producer  string   `json:"producer,omitempty"`  // OBX-15
	Observer  *Person  `json:"observer,omitempty"`  // OBX-16, the first
	Method    string   `json:"method,omitempty"`    // OBX-17
	Equipment string   `json:"equipment,omitempty"` // OBX-18
	Notes     []string `json:"notes,omitempty"`     // NTE after OBX
	Warnings  []string `json:"warnings,omitempty"`  //
	Duplicate bool     `json:"duplicate,omitempty"` // the same OBX stands before it in the message: kept, not shown
	Reading   *Reading `json:"reading,omitempty"`   // what we make of it as it is given out; never stored
	Alike     int      `json:"-"`                   // in an outline: how many others with the same OBX-11 it stands for
}

// Value is one value of an observation: always the sender's text, and what
// could be read from it.
type Value struct {
	Text       string      `json:"text,omitempty"`       // as sent, escape sequences replaced
	Comparator string      `json:"comparator,omitempty"` // <, <=, >, >=
	Number     json.Number `json:"number,omitempty"`     // with the digits as sent
	Separator  string      `json:"separator,omitempty"`  // SN.3: - (range), / or : (ratio), + (and more)
	Number2    json.Number `json:"number2,omitempty"`    // SN.4
	Coded      *Coded      `json:"coded,omitempty"`      // CE, CWE, CNE, IS, ID; the alternate or CWE.9 where CWE.1 and 2 are empty
	Alternate  *Coded      `json:"alternate,omitempty"`  // CWE.4 to 6
	Further    []string    `json:"further,omitempty"`    // CWE.7 and what follows it, as in an observation
	Time       string      `json:"time,omitempty"`       // DT, TM, TS, DTM in ISO 8601
	Display    string      `json:"display,omitempty"`    // names, addresses, identifiers and the like, to be read by people
	Attachment *Attachment `json:"attachment,omitempty"` // ED, RP
}

// Attachment describes encapsulated data (ED) or a reference pointer (RP). The message keeps
// the data as they were sent; decoded they are a document of the report.
type Attachment struct {
	Source   string `json:"source,omitempty"`   // ED.1, RP.2
	Pointer  string `json:"pointer,omitempty"`  // RP.1
	Type     string `json:"type,omitempty"`     // ED.2, RP.3
	Subtype  string `json:"subtype,omitempty"`  // ED.3, RP.4
	Encoding string `json:"encoding,omitempty"` // ED.4
	Length   int    `json:"length,omitempty"`   // of the data as encoded, in bytes

	Document  int    `json:"document,omitempty"`  // number among the report's documents, from 1; 0: there is none
	MediaType string `json:"mediaType,omitempty"` // of the document
	Digest    string `json:"digest,omitempty"`    // of the document: "sha256:…"
	Size      int64  `json:"size,omitempty"`      // of the document, in bytes
}

// Range is a reference range: the sender's text, and its limits when they could be read.
type Range struct {
	Text string `json:"text"`
	Limits
	Forms []RangeForm `json:"forms,omitempty"` // of a range that differs by sex or age
}

// Limits are the limits of a range, in the unit of the value.
type Limits struct {
	Low           json.Number `json:"low,omitempty"`
	High          json.Number `json:"high,omitempty"`
	LowExclusive  bool        `json:"lowExclusive,omitempty"`
	HighExclusive bool        `json:"highExclusive,omitempty"`
	Normal        string      `json:"normal,omitempty"` // a text that is the normal result: "negative"
}

// RangeForm is one of several ranges, with whom it is for.
type RangeForm struct {
	Sex string `json:"sex,omitempty"` // M or F; empty: any
	Age string `json:"age,omitempty"` // as sent: "0-1 y", "adult"; empty: any
	Limits
}
