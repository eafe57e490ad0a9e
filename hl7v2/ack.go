package hl7v2

import (
	"strconv"
	"strings"
	"time"
)

// AckCode is a value of HL7 table 0008.
type AckCode string

// The acknowledgement codes.
const (
	AA AckCode = "AA" // application accept
	AE AckCode = "AE" // application error
	AR AckCode = "AR" // application reject
	CA AckCode = "CA" // accept acknowledgement: commit accept
	CE AckCode = "CE" // commit error
	CR AckCode = "CR" // commit reject
)

// ErrorCode is a value of HL7 table 0357.
type ErrorCode int

// Message error conditions.
const (
	MessageAccepted          ErrorCode = 0 // with a warning, which Severity and Text say
	SegmentSequenceError     ErrorCode = 100
	RequiredFieldMissing     ErrorCode = 101
	DataTypeError            ErrorCode = 102
	TableValueNotFound       ErrorCode = 103
	UnsupportedMessageType   ErrorCode = 200
	UnsupportedEventCode     ErrorCode = 201
	UnsupportedProcessingID  ErrorCode = 202
	UnsupportedVersionID     ErrorCode = 203
	UnknownKeyIdentifier     ErrorCode = 204
	DuplicateKeyIdentifier   ErrorCode = 205
	ApplicationInternalError ErrorCode = 207
)

var errorTexts = map[ErrorCode]string{
	MessageAccepted:      "Message accepted",
	SegmentSequenceError: "Segment sequence error", RequiredFieldMissing: "Required field missing",
	DataTypeError: "Data type error", TableValueNotFound: "Table value not found",
	UnsupportedMessageType: "Unsupported message type", UnsupportedEventCode: "Unsupported event code",
	UnsupportedProcessingID: "Unsupported processing id", UnsupportedVersionID: "Unsupported version id",
	UnknownKeyIdentifier: "Unknown key identifier", DuplicateKeyIdentifier: "Duplicate key identifier",
	ApplicationInternalError: "Application internal error",
}

// AckError becomes an ERR segment.
type AckError struct {
	Code    ErrorCode
	Segment string // where; empty if the message as a whole is meant
	Number  int
	Field   int
	// Repetition and Component narrow the field down from 2.5 on; 0: the whole field.
	Repetition, Component int
	Severity              string // table 0516: E (the default), W, I
	Text                  string // for the sender's people: no patient data
}

// Ack is an acknowledgement to be written.
type Ack struct {
	Code        AckCode
	ControlID   string    // MSH-10 of the acknowledgement itself
	Time        time.Time // MSH-7, written in UTC
	Application string    // MSH-3 when the message names no receiving application
	Facility    string    // MSH-4 likewise
	Type        [3]string // MSH-9 if not empty; else the paired type (ORR^O02^ORR_O02) where there is one, ACK elsewhere and for CA, CE, CR
	Plain       bool      // ACK also where the standard has a paired type: then Body is left out
	Errors      []AckError
	Text        string   // MSA-3 below 2.5, ERR-8 is from Errors
	Body        *Builder // further segments after MSA and ERR, of a paired answer; nil: none
	NoReply     bool     // MSH-15 and MSH-16 are NE: the acknowledgement is a message of its own in enhanced mode
}

// defaultVersion stands in MSH-12 of answers to what says no version.
const defaultVersion = "2.5.1"

// Append adds the acknowledgement of m to dst, its segments ended by CR. It uses m's delimiters and
// echoes MSH-10 in MSA-2, MSH-11, MSH-12 and MSH-18; sender and receiver change places. m is nil when
// what came could not be read: then nothing is echoed.
func (a *Ack) Append(dst []byte, m *Message) []byte {
	w := ackWriter{dst: dst, d: Standard}
	var h Segment
	if m != nil {
		w.d, h = m.delims, m.asReceived().Segment(0)
	}
	version := h.Field(12)
	a.msh(&w, h, version)
	w.segment("MSA")
	w.text(string(a.Code))
	w.raw(rawOf(h.Field(10)))
	if old := versionOf(version.Text()) < 205; old {
		w.text(a.oldText())
		a.errOld(&w)
	} else {
		a.errNew(&w)
	}
	w.end()
	return append(w.dst, a.body(w.d, m)...)
}

// body encodes the further segments, in the message's character set. Text that the set lacks is left out with
// everything else of them: then the answer is a plain one.
func (a *Ack) body(d Delimiters, m *Message) []byte {
	if a.Body == nil || a.Plain {
		return nil
	}
	c := Lenient
	if m != nil {
		c = m.charset
	}
	b, err := a.Body.Encode(d, c)
	if err != nil {
		return nil
	}
	return b
}

// ackTime is the form of MSH-7, for package time.
const ackTime = "20060102150405-0700"

func (a *Ack) msh(w *ackWriter, h Segment, version Value) {
	w.dst = append(w.dst, "MSH"...)
	w.dst = append(append(w.dst, w.d.Field), w.d.encoding()...)
	w.rawOr(rawOf(h.Field(5)), a.Application)
	w.rawOr(rawOf(h.Field(6)), a.Facility)
	w.raw(rawOf(h.Field(3)))
	w.raw(rawOf(h.Field(4)))
	var room [len(ackTime)]byte
	w.field()
	w.dst = w.d.AppendEscaped(w.dst, a.Time.UTC().AppendFormat(room[:0], ackTime))
	w.raw(nil)
	t := a.messageType(h, version)
	w.components(t[:])
	w.text(a.ControlID)
	w.rawOr(rawOf(h.Field(11)), "P")
	w.rawOr(rawOf(version), defaultVersion)
	charset := rawOf(h.Field(18))
	if !a.NoReply && len(charset) == 0 {
		return
	}
	w.raw(nil)
	w.raw(nil)
	reply := ""
	if a.NoReply {
		reply = "NE"
	}
	w.text(reply)
	w.text(reply)
	if len(charset) > 0 {
		w.raw(nil)
		w.raw(charset)
	}
}

// messageType gives MSH-9: the paired type or ACK with the trigger event from 2.2, with the
// message structure from 2.3.1.
func (a *Ack) messageType(h Segment, version Value) [3]string {
	t := a.Type
	code, event := strings.TrimSpace(h.Field(9).Component(1).Text()), strings.TrimSpace(h.Field(9).Component(2).Text())
	if t[0] == "" && !a.Plain && strings.HasPrefix(string(a.Code), "A") {
		t, _ = PairedType(code, event)
	}
	v := versionOf(version.Text())
	switch {
	case t[0] == "" && (event == "" || v < 202):
		return [3]string{"ACK"}
	case t[0] == "":
		t = [3]string{"ACK", event, "ACK"}
	}
	if v < 203 || strings.TrimSpace(version.Component(1).Text()) == "2.3" {
		t[2] = ""
	}
	return t
}

// longestMSA3 is the length of MSA-3 in characters (HL7 2.3 and 2.4, chapter 2: ST with length 80): a receiver may check that.
const longestMSA3 = 80

// oldText is MSA-3, which holds the message below 2.5.
func (a *Ack) oldText() string {
	text := a.Text
	if text == "" && len(a.Errors) > 0 {
		text = a.Errors[0].text()
	}
	if r := []rune(text); len(r) > longestMSA3 {
		const more = "..."
		text = string(r[:longestMSA3-len(more)]) + more
	}
	return text
}

func (e *AckError) text() string {
	if e.Text != "" {
		return e.Text
	}
	return errorTexts[e.Code]
}

// errOld writes ERR-1: segment, sequence, field and code, repeated. That a message was accepted is no error: what is remarked stands in MSA-3.
func (a *Ack) errOld(w *ackWriter) {
	first := true
	for i := range a.Errors {
		e := &a.Errors[i]
		if e.Code == MessageAccepted {
			continue
		}
		if first {
			w.segment("ERR")
			w.dst = append(w.dst, w.d.Field)
		} else {
			w.delimiter(w.d.Repetition)
		}
		first = false
		w.escaped(e.Segment)
		w.delimiter(w.d.Component)
		w.escaped(positive(e.Number))
		w.delimiter(w.d.Component)
		w.escaped(positive(e.Field))
		w.delimiter(w.d.Component)
		w.escaped(strconv.Itoa(int(e.Code)))
		w.delimiter(w.d.Subcomponent)
		w.escaped(errorTexts[e.Code])
		w.delimiter(w.d.Subcomponent)
		w.escaped("HL70357")
	}
}

// errNew writes one ERR segment for each error: ERR-2 location, ERR-3 code,
// ERR-4 severity, ERR-8 text (HL7 2.14.5, 2.5).
func (a *Ack) errNew(w *ackWriter) {
	for i := range a.Errors {
		e := &a.Errors[i]
		w.segment("ERR")
		w.raw(nil)
		if e.Segment == "" {
			w.raw(nil)
		} else {
			w.components([]string{e.Segment, strconv.Itoa(max(e.Number, 1)), positive(e.Field), positive(e.Repetition), positive(e.Component)})
		}
		w.components([]string{strconv.Itoa(int(e.Code)), errorTexts[e.Code], "HL70357"})
		if e.Severity == "" {
			w.text("E")
		} else {
			w.text(e.Severity)
		}
		if e.Text != "" {
			w.raw(nil)
			w.raw(nil)
			w.raw(nil)
			w.text(e.Text)
		}
	}
}

func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}
