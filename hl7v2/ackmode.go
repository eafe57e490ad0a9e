package hl7v2

import "strings"

// Condition is a value of HL7 table 0155: when an acknowledgement is wanted.
type Condition uint8

// The conditions. Absent also stands for values outside the table.
const (
	Absent    Condition = iota
	Always              // AL
	Never               // NE
	OnError             // ER: error or reject only
	OnSuccess           // SU: successful completion only
)

// Wanted tells whether an acknowledgement is to be sent.
func (c Condition) Wanted(success bool) bool {
	switch c {
	case Always:
		return true
	case OnError:
		return !success
	case OnSuccess:
		return success
	}
	return false
}

func parseCondition(v Value) Condition {
	switch strings.TrimSpace(v.Text()) {
	case "AL":
		return Always
	case "NE":
		return Never
	case "ER":
		return OnError
	case "SU":
		return OnSuccess
	}
	return Absent
}

// AckMode says which acknowledgements a message asks for (HL7 2.9.2, 2.9.3).
type AckMode struct {
	Enhanced    bool
	Accept      Condition // enhanced mode: CA, CE, CR
	Application Condition // AA, AE, AR
}

// AckMode reads MSH-15 and MSH-16. With neither of them the mode is the original
// one, in which every message is answered. If only one is there, the other counts as NE, except
// that a sender is left without any answer only if it says so in both fields.
func (m *Message) AckMode() AckMode {
	h := m.Segment(0)
	a := AckMode{Accept: parseCondition(h.Field(15)), Application: parseCondition(h.Field(16))}
	switch {
	case a.Accept == Absent && a.Application == Absent:
		return AckMode{Accept: Never, Application: Always}
	case a.Application == Absent && a.Accept == Never:
		a.Application = Always
	case a.Application == Absent:
		a.Application = Never
	case a.Accept == Absent && a.Application == Never:
		a.Accept = Always
	case a.Accept == Absent:
		a.Accept = Never
	}
	a.Enhanced = true
	return a
}
