package intake

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

var updatePage = flag.Bool("update", false, "write the page that TestHL7StatementIsCurrent makes")

// TestHL7StatementIsCurrent: docs/conformance-hl7.md is what the table of handlers says.
func TestHL7StatementIsCurrent(t *testing.T) {
	const file = "../../docs/conformance-hl7.md"
	var want strings.Builder
	if err := Statement(&want); err != nil {
		t.Fatal(err)
	}
	if *updatePage {
		if err := os.WriteFile(file, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Errorf("run make pages: %s", d)
	}
}

// TestStatementHolds: a message of each row is answered with the type that the statement names, and its peer may have ACK instead.
func TestStatementHolds(t *testing.T) {
	w := newWorld(t)
	for _, f := range Families() {
		if f.Bare { // no type is paired with those
			answers := w.send("MSH|^~\\&|LIS|LAB|||20261122||" + f.Code + "|" + f.Code + "|P|2.5\r")
			m, err := hl7v2.Parse([]byte(strings.Join(answers, "")))
			if err != nil || string(m.At("MSH-9").Raw()) != "ACK" || !strings.Contains(answerTypes(f), "ACK to the others") && answerTypes(f) != "ACK" {
				t.Errorf("%s: answered %q, %v; the statement says %s", f.Code, answers, err, answerTypes(f))
			}
		}
		for _, e := range f.Events {
			for plain, want := range map[bool]string{false: answerType(f.Code, e), true: "ACK^" + e + "^ACK"} {
				if plain && hl7v2.IsQuery(f.Code) {
					continue // there is no answer without its content
				}
				w.in.cfg.Peer = func(mllp.Peer) Rule { return Rule{PlainAck: plain} }
				id := f.Code + e + map[bool]string{true: "p", false: ""}[plain]
				answers := w.send("MSH|^~\\&|LIS|LAB|||20261122||" + f.Code + "^" + e + "|" + id + "|P|2.5\r")
				m, err := hl7v2.Parse([]byte(strings.Join(answers, "")))
				if err != nil || len(answers) != 1 {
					t.Fatalf("%s: %q, %v", id, answers, err)
				}
				if got := string(m.At("MSH-9").Raw()); got != want || m.Get("MSA-2") != id {
					t.Errorf("%s: answered %s, want %s", id, got, want)
				}
			}
		}
	}
}

// TestStatementOfUnreadable: what cannot be read is answered with the codes that the statement names.
func TestStatementOfUnreadable(t *testing.T) {
	var page strings.Builder
	if err := Statement(&page); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	for _, block := range []string{"PID|1", "hello", "BHS|^~\\&\rBTS|1", "MSH", "MSH|^^~\\&|A", "MSHA"} {
		what := "no MSH"
		if strings.HasPrefix(block, "MSH") {
			what = "MSH without usable delimiters"
		}
		m, err := hl7v2.Parse([]byte(strings.Join(w.send(block), "")))
		if err != nil {
			t.Fatal(block, err)
		}
		row := "| cannot be read: " + what + " | " + m.Get("MSA-1") + " | CE | " + m.Get("ERR-3.1") + " |\n"
		if !strings.Contains(page.String(), row) {
			t.Errorf("%q: the statement does not say %s", block, row)
		}
	}
}
