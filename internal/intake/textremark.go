package intake

import (
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// textRemark tells where a message holds bytes that are no characters of the set that it is read in, which is the peer's, or MSH-18; empty
// if there are none.
func textRemark(h *hl7v2.Message) string {
	var parts []string
	for _, w := range h.Warnings() {
		if w.Segment == "MSH" && w.Field == 18 {
			parts = append(parts, "MSH-18 names a character set that is not known here")
		}
	}
	var places []string
	for _, p := range h.Unreadable() {
		places = append(places, fmt.Sprintf("%s[%d]-%d (offset %d)", p.Segment, p.Number, p.Field, p.Offset))
	}
	if len(places) > 0 {
		parts = append(parts, "bytes that are no character of "+h.Charset().Name+", kept as they came: "+strings.Join(places, ", "))
	}
	return strings.Join(parts, "; ")
}
