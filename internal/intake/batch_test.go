package intake

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// The answer to a batch has the delimiters of the batch, so that it can be read again,
// and refers to it.
func TestBatchAnswerDelimiters(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, header, begin string }{
		{"standard", `BHS|^~\&|A|B|||||||77`, `BHS|^~\&||||||||||77` + "\r"},
		{"other", "FHS#*~!%#A\rBHS#*~!%#A", "FHS#*~!%\rBHS#*~!%\r"},
		{"short", "BHS|^", "BHS|^\r"},
	} {
		sep := c.header[3:4]
		one := strings.ReplaceAll("MSH|*~!%|LIS|LAB|||20261121||ADT*A08|"+c.name+"|P|2.5\r", "|", sep)
		answers := w.send(c.header + "\r" + one + one + "BTS" + sep + "2\r")
		if len(answers) != 1 || !strings.HasPrefix(answers[0], c.begin) || !strings.Contains(answers[0], "\rBTS"+sep+"2\r") {
			t.Errorf("%s: %q", c.name, answers)
			continue
		}
		if n := len(hl7v2.SplitBatch([]byte(answers[0])).Messages); n != 2 {
			t.Errorf("%s: the answer reads as %d messages", c.name, n)
		}
	}
}

// TestNestedBatches: a file of several batches is answered by a file of as many, each with its own reference.
func TestNestedBatches(t *testing.T) {
	w := newWorld(t)
	one := func(id string) string { return simple(id, "", "x") }
	got := w.send("FHS|^~\\&|||||||||F1\rBHS|^~\\&|||||||||B1\r" + one("1") + one("2") + "BTS|2\rBHS|^~\\&|||||||||B2\r" + one("3") + "BTS|1\rFTS|2\r")
	if len(got) != 1 {
		t.Fatalf("%q", got)
	}
	var lines []string
	for _, l := range strings.Split(strings.TrimSuffix(got[0], "\r"), "\r") {
		if !strings.HasPrefix(l, "MSH") {
			lines = append(lines, l)
		}
	}
	want := []string{
		"FHS|^~\\&||||||||||F1", "BHS|^~\\&||||||||||B1", "MSA|AA|1", "MSA|AA|2", "BTS|2", "BHS|^~\\&||||||||||B2", "MSA|AA|3", "BTS|1", "FTS|2",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
	if got := w.send("BHS|^~\\&\rBTS|0\r"); len(got) != 1 || !strings.Contains(got[0], "MSA|AE") {
		t.Errorf("an empty batch: %q", got)
	}
	if got := w.send("BHS|^~\\&\r" + simple("n", "NE|NE", "x") + "BTS|1\r"); got != nil {
		t.Errorf("nobody wants an answer: %q", got)
	}
}

// TestBatchCounts: a trailer that announces another number of messages (BTS-1) or batches (FTS-1) than came is remarked in the answer's trailer, and
// costs no message.
func TestBatchCounts(t *testing.T) {
	w := newWorld(t)
	n := 0
	one := func() string { n++; return simple(fmt.Sprint(n), "", "x") }
	for name, c := range map[string]struct {
		block string
		want  string // what the answer ends with
	}{
		"fewer":          {"BHS|^~\\&\r" + one() + "BTS|5\r", "\rBTS|1|5 messages announced and 1 came\r"},
		"more":           {"BHS|^~\\&\r" + one() + one() + "BTS| 1 |x\r", "\rBTS|2|1 messages announced and 2 came\r"},
		"as many":        {"BHS|^~\\&\r" + one() + "BTS|1\r", "\rBTS|1\r"},
		"no count":       {"BHS|^~\\&\r" + one() + "BTS||5\r", "\rBTS|1\r"},
		"no number":      {"BHS|^~\\&\r" + one() + "BTS|-5\r", "\rBTS|1\r"},
		"bare":           {"BHS|^~\\&\r" + one() + "BTS\r", "\rBTS|1\r"},
		"no trailer":     {"BHS|^~\\&\r" + one(), "\rBTS|1\r"},
		"batches":        {"FHS|^~\\&\rBHS|^~\\&\r" + one() + "BTS|1\rFTS|3\r", "\rBTS|1\rFTS|1|3 batches announced and 1 came\r"},
		"empty batch":    {"FHS|^~\\&\rBHS|^~\\&\r" + one() + "BTS|1\rBHS|^~\\&\rBTS|4\rFTS|2\r", "\rBTS|1\rFTS|1\r"},
		"stray message":  {"FHS|^~\\&\rBHS|^~\\&\r" + one() + "BTS|1\r" + one() + "FTS|1\r", "\rBTS|1\rFTS|1\r"},
		"without BHS":    {"FHS|^~\\&\r" + one() + one() + "BTS|2\rFTS|1\r", "\rFTS|0\r"},
		"other dividers": {strings.ReplaceAll("BHS|^~\\&\r"+one()+"BTS|5\r", "|", "#"), "\rBTS#1#5 messages announced and 1 came\r"},
	} {
		got := w.send(c.block)
		if len(got) != 1 || !strings.HasSuffix(got[0], c.want) || strings.Contains(got[0], "MSA|AE") {
			t.Errorf("%s: %q", name, got)
		}
	}
	var log bytes.Buffer
	w.in.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	for name, c := range map[string]struct { // without headers the answers are blocks of their own, which have no trailer
		block   string
		answers int
		logged  string
	}{
		"one message, BTS":    {one() + "BTS|5\r", 1, "number of messages than its trailer announces\" peer=10.1.2.3 control=\"\" type=\"\" announced=5 came=1"},
		"several, BTS":        {one() + one() + "BTS|5\r", 2, "announced=5 came=2"},
		"one message, FTS":    {one() + "BTS|1\rFTS|3", 1, "number of batches than its trailer announces\" peer=10.1.2.3 control=\"\" type=\"\" announced=3 came=1"},
		"one, counted":        {one() + "BTS|1\rFTS|1\r", 1, ""},
		"one, without number": {one() + "BTS\r", 1, ""},
	} {
		log.Reset()
		if got := w.send(c.block); len(got) != c.answers || strings.Contains(strings.Join(got, ""), "BTS") || !strings.Contains(got[0], "MSA|AA") {
			t.Errorf("%s: %q", name, got)
		}
		if !strings.Contains(log.String(), c.logged) || c.logged == "" && log.Len() > 0 {
			t.Errorf("%s: logged %q", name, log.String())
		}
	}
	w.in.cfg.Peer = func(mllp.Peer) Rule { return Rule{NoWarnings: true} }
	if got := w.send("BHS|^~\\&\r" + one() + "BTS|5\r"); len(got) != 1 || !strings.HasSuffix(got[0], "\rBTS|1\r") {
		t.Errorf("to one that wants no warnings: %q", got)
	}
}
