package forward

import (
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

// refused is the error of a receiver that takes nothing at present.
type refused struct{ text string }

// Error implements error.
func (r *refused) Error() string { return r.text }

// judge says what an acknowledgement means for a message. Its reasons name codes and places, no text of the receiver's, which may hold
// patient data. The error says that nothing can be sent at present.
func judge(code hl7v2.AckCode, raw []byte, x OnError) (outcome, error) {
	if code == hl7v2.AA || code == hl7v2.CA {
		return outcome{state: Done}, nil
	}
	said := "answered with " + string(code)
	if m, err := hl7v2.Parse(raw); err == nil {
		if e := m.First("ERR"); e.Exists() {
			said = strings.TrimSuffix(said+", "+faultOf(e), ", ")
		}
	}
	if (code == hl7v2.AE || code == hl7v2.CE) && x != TryAgain {
		return outcome{state: Dead, reason: said}, nil
	}
	return outcome{state: Waiting, reason: said}, &refused{said}
}

// faultOf tells code and place of an error (HL7 2.14.5).
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
