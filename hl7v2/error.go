package hl7v2

import (
	"strconv"
	"strings"
)

// SyntaxError says what is wrong with a message and where, in the sender's own
// terms. It never holds field contents.
type SyntaxError struct {
	Segment string // segment name: "OBX"; empty if no segment could be told
	Number  int    // which of the segments of that name, from 1; 0 if unknown
	Field   int    // field number, 0 if the whole segment is meant
	Offset  int    // bytes from the start of the message
	Reason  string
}

// Error gives for instance "OBX-5 of segment OBX[7] at offset 1312: reason".
func (e *SyntaxError) Error() string {
	var b strings.Builder
	b.WriteString("hl7v2: ")
	if e.Segment != "" {
		b.WriteString(e.Segment)
		if e.Number > 0 {
			b.WriteString("[" + strconv.Itoa(e.Number) + "]")
		}
		if e.Field > 0 {
			b.WriteString("-" + strconv.Itoa(e.Field))
		}
		b.WriteByte(' ')
	}
	b.WriteString("at offset " + strconv.Itoa(e.Offset) + ": " + e.Reason)
	return b.String()
}
