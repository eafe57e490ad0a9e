package hl7v2_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/corpus"
)

// TestCorpus parses every message of the corpus, gives its bytes back, and
// compares segments and MSH fields with a naive reading.
func TestCorpus(t *testing.T) {
	messages := corpus.HL7Messages(t)
	if len(messages) != 1165 {
		t.Errorf("%d messages", len(messages))
	}
	for _, c := range messages {
		m, err := hl7v2.Parse(c.Raw)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if !bytes.Equal(m.Bytes(), c.Raw) {
			t.Errorf("%s: bytes are not given back", c.Name)
		}
		lines := strings.Split(strings.TrimPrefix(string(c.Raw), "\ufeff"), "\r")
		fields := strings.Split(lines[0], "|")
		for n := 3; n <= len(fields); n++ {
			if got := string(m.Segment(0).Field(n).Raw()); got != fields[n-1] {
				t.Errorf("%s: MSH-%d is %q, not %q", c.Name, n, got, fields[n-1])
			}
		}
		count := map[string]int{}
		for _, l := range lines {
			if len(l) > 3 && l[3] == '|' {
				count[l[:3]]++
			}
		}
		for s := range m.Segments() {
			count[s.Name()]--
		}
		for name, n := range count {
			if n != 0 {
				t.Errorf("%s: %d segments %s too few", c.Name, n, name)
			}
		}
	}
}
