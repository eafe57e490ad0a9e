package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/corpus"
)

// filing is what a report is filed by.
type filing struct {
	Patient      string
	Link         [5]string
	Replaces     string
	Status       Status
	Sent         string
	Corrects     bool
	Observations int
	Documents    int
}

// filed gives what the reports of a message are filed by.
func filed(groups []Group) (all []filing) {
	for _, g := range groups {
		for _, r := range g.Reports {
			l := r.link()
			all = append(all, filing{
				string(g.Patient.Raw()),
				[5]string{l.Service, l.Filler, l.Placer, l.Accession, l.Observed},
				l.replaces, r.Status, r.Sent, r.corrects(),
				r.Count(), len(g.Contents),
			})
		}
	}
	return all
}

// TestOutlineCorpus: of every message of the corpus an outline files the same as all of it.
func TestOutlineCorpus(t *testing.T) {
	n := 0
	for _, c := range corpus.HL7Messages(t) {
		m, err := hl7v2.Parse(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		whole := filed(Read(m))
		n += len(whole)
		if d := cmp.Diff(whole, filed(Outline(m))); d != "" {
			t.Errorf("%s: %s", c.Name, d)
		}
	}
	if n < 100 {
		t.Errorf("%d reports", n)
	}
}

// TestOutlineOfDocuments: a message with documents is read in full.
func TestOutlineOfDocuments(t *testing.T) {
	pdf := "JVBERi0" + strings.Repeat("A", 80)
	for obx, want := range map[string]int{
		"OBX|1|ED|A||^^^Base64^JVBERi0xLjQ=||||||F": 1, "OBX|1|ST|A||" + pdf + "||||||F": 1, "OBX|1|TX|A||line~" + pdf + "||||||F": 1,
		"OBX|1|TX|A||" + strings.Repeat("text ", 40) + "||||||F": 0, "OBX|1|RP|A||/pacs/1.jpg^PACS^image^jpeg||||||F": 0,
	} {
		m, err := hl7v2.Parse([]byte(header("ORU^R01") + "\rPID|1||7\rOBR|1||F1|A\r" + obx + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		g := Outline(m)[0]
		if len(g.Contents) != want || (len(g.Reports[0].Observations[0].Values) > 0) != (want > 0) {
			t.Errorf("%.40s: %d documents, %d values", obx, len(g.Contents), len(g.Reports[0].Observations[0].Values))
		}
	}
}

// TestOutlineOfStatuses: observations of the same status are one in an outline, however many statuses there are.
func TestOutlineOfStatuses(t *testing.T) {
	for name, letters := range map[string][]string{
		"one": {"F", "F", "F"}, "some": {"F", "P", "F", "", "C"}, "cancelled": {"X", "X"}, "not in the table": {"1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "9"},
	} {
		lines := []string{header("ORU^R01"), "PID|1||7", "OBR|1||F1|A"}
		for _, l := range letters {
			lines = append(lines, "OBX|1|NM|A||5||||||"+l)
		}
		m, err := hl7v2.Parse([]byte(strings.Join(lines, "\r") + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(filed(Read(m)), filed(Outline(m))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
