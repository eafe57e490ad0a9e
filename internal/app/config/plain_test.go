package config

import (
	"strings"
	"testing"
)

// TestFaultsTellNoSecrets: what is wrong with a file is told with line, column and key, and without the lines around it: those may hold secrets.
func TestFaultsTellNoSecrets(t *testing.T) {
	const secret = "confidential"
	for _, c := range []struct{ name, doc, want string }{
		{"unknown key", "dicom:\n  destinations:\n    - ae: P\n      passcode: " + secret + "\n      paswort: x\n", `[5:7] unknown field "paswort"`},
		{"no bool", "dicom:\n  destinations:\n    - {ae: P, passcode: " + secret + ", tls: maybe}\n", "[3:44] dicom.destinations[0].tls: want true or false"},
		{"no number", "forward:\n  destinations:\n    - {token: " + secret + ", concurrency: many}\n", "[3:42] forward.destinations[0].concurrency: want a number"},
		{"no text", "dicom:\n  destinations:\n    - ae: P\n      passcode: [" + secret + "]\n", "[4:17] dicom.destinations[0].passcode: want text"},
		{"no list", "dicom:\n  destinations: " + secret + "\n", "[2:17] dicom.destinations: string was used where sequence is expected"},
		{"no mapping", "dicom: " + secret + "\n", "[1:8] dicom: string was used where mapping is expected"},
		{"no YAML", "dicom:\n  destinations:\n    - ae: P\n      passcode: " + secret + "\n     user: x\n", "[5:6] "},
		{"twice", "dicom:\n  destinations:\n    - ae: P\n      passcode: " + secret + "\n      passcode: " + secret + "\n", "[5:7] "},
	} {
		_, err := decode([]byte(c.doc), Default())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
