package forward

import (
	"errors"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// OnError says what becomes of a message that the receiver answers with an error (AE, CE).
type OnError string

// What may become of it. A rejection (AR, CR) is always tried again: the receiver is not able to take it now (HL7 2.9.2.2).
const (
	GiveUp   OnError = "dead"  // it ends as dead: the next is sent
	TryAgain OnError = "retry" // it is tried again, and holds up those that come after it
)

// acknowledgement is what an answer says of a message.
type acknowledgement struct {
	code    string // MSA-1
	control string // MSA-2
	fault   string // of ERR, for people: no text of the receiver's, which may hold patient data
}

var errNoAnswer = errors.New("the answer is no HL7 acknowledgement")

// readAnswer reads an acknowledgement (HL7 2.14.8).
func readAnswer(b []byte) (a acknowledgement, err error) {
	m, err := hl7v2.Parse(b)
	if err != nil {
		return a, errNoAnswer
	}
	msa := m.First("MSA")
	if !msa.Exists() {
		return a, errNoAnswer
	}
	a.code, a.control = strings.TrimSpace(msa.Field(1).Text()), msa.Field(2).Text()
	if e := m.First("ERR"); e.Exists() {
		a.fault = faultOf(e)
	}
	return a, nil
}

// faultOf tells code and place of an error.
func faultOf(e hl7v2.Segment) string {
	var parts []string
	if code := safe(e.Field(3).Component(1).Text()); code != "" {
		parts = append(parts, "error "+code)
	}
	for _, f := range []int{2, 1} {
		v := e.Field(f)
		name := safe(v.Component(1).Text())
		if name == "" {
			continue
		}
		if field := safe(v.Component(3).Text()); field != "" {
			name += "-" + field
		}
		return strings.Join(append(parts, "at "+name), " ")
	}
	return strings.Join(parts, " ")
}

// safe gives a code as it may stand in a reason: letters and digits, at most 16.
func safe(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 16 || strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return ""
	}
	return s
}

// refused is the error of a receiver that takes nothing at present.
type refused struct{ text string }

// Error implements error.
func (r *refused) Error() string { return r.text }

// judge says what an acknowledgement means for a message. more tells that another one is to be waited for.
func (a *acknowledgement) judge(mode hl7v2.AckMode, x OnError) (o outcome, more bool, err error) {
	said := "answered with " + safe(a.code)
	if a.fault != "" {
		said += ", " + a.fault
	}
	switch a.code {
	case "AA":
		return outcome{state: Done}, false, nil
	case "CA":
		return outcome{state: Done}, mode.Enhanced && (mode.Application == hl7v2.Always || mode.Application == hl7v2.OnError || mode.Application == hl7v2.OnSuccess), nil
	case "AE", "CE":
		if x != TryAgain {
			return outcome{state: Dead, reason: said}, false, nil
		}
		return again("%s", said), false, &refused{said}
	case "AR", "CR":
		return again("%s", said), false, &refused{said}
	}
	return outcome{}, false, fmt.Errorf("%w: MSA-1 is none of AA, AE, AR, CA, CE, CR", errNoAnswer)
}
