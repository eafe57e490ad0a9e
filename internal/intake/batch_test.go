package intake

import (
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2"
)

// The answer to a batch has the delimiters of the batch, so that it can be read again,
// and refers to it.
func TestBatchAnswerDelimiters(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, header, begin string }{
		{"standard", `BHS|^~\&|A|B|||||||77`, `BHS|^~\&||||||||||77` + "\r"},
		{"other", "FHS#*~!%#A\rBHS#*~!%#A", "BHS#*~!%\r"},
		{"short", "BHS|^", "BHS|^\r"},
	} {
		sep := c.header[3:4]
		one := strings.ReplaceAll("MSH|*~!%|LIS|LAB|||20261121||ADT*A08|"+c.name+"|P|2.5\r", "|", sep)
		answers := w.send(c.header + "\r" + one + one + "BTS" + sep + "2\r")
		if len(answers) != 1 || !strings.HasPrefix(answers[0], c.begin) || !strings.HasSuffix(answers[0], "\rBTS"+sep+"2\r") {
			t.Errorf("%s: %q", c.name, answers)
			continue
		}
		if n := len(hl7v2.SplitBatch([]byte(answers[0])).Messages); n != 2 {
			t.Errorf("%s: the answer reads as %d messages", c.name, n)
		}
	}
}
