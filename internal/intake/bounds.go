package intake

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// Bounds of a message that is processed, and so of the memory and time that takes; larger ones are only kept. Repetitions become
// values, identifiers and notes, each many times as large as the delimiter that makes it.
const (
	maxSegments    = 100_000
	maxRepetitions = 100_000
	maxReports     = 2_000
	maxQuery       = 256 << 10 // bytes; what is asked is said again in the answer
)

// tooMuch tells why a message is only kept; empty if it is to be processed.
func tooMuch(messageType string, h *hl7v2.Message) string {
	code, _, _ := strings.Cut(messageType, "^")
	switch sep := h.Delimiters().Repetition; {
	case h.Len() > maxSegments:
		return "more segments than are processed"
	case len(h.Bytes()) > maxRepetitions && sep != 0 && bytes.Count(h.Bytes(), []byte{sep}) > maxRepetitions:
		return "more repetitions than are processed"
	case len(h.Bytes()) > maxQuery && hl7v2.IsQuery(code):
		return fmt.Sprintf("a query of more than %d bytes is not processed", maxQuery)
	}
	return ""
}
