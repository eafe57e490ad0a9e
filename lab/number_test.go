package lab

import "testing"

// TestCanonicalNumbers: numbers that are given back as they were sent.
func TestCanonicalNumbers(t *testing.T) {
	for s, want := range map[string]bool{
		"0": true, "7": true, "10": true, "3.5": true, "3.50": true, "0.0": true, "0.05": true,
		"": false, ".": false, ".5": false, "5.": false, "007": false, "00.1": false, "+3": false, "-3": false, "1e3": false, "1,5": false, "1.2.3": false, "٣": false,
	} {
		if got := canonical(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
