package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
)

// A peer that takes any ERR for a failure gets none in acceptances (hl7.peers[].warnings: false): neither for what is new nor for what was answered with one before. Errors
// it is told of.
func TestPeerWithoutWarnings(t *testing.T) {
	merge := func(version string, control int) string { // of a patient with itself
		return fmt.Sprintf("MSH|^~\\&|HIS|BV|||20261121||ADT^A40|%d|P|%s\rEVN|A40|20261121\rPID|||P1^^^BV\rMRG|P1^^^BV\r", control, version)
	}
	order := "MSH|^~\\&|HIS|BV|||20261121||ORM^O01|9|P|2.5\rPID|||P1^^^BV\rORC|CA|NONE\rOBR|1|NONE||XQ^Chest\r"
	query := "MSH|^~\\&|HIS|BV|||20261121||QBP^Q22|8|P|2.5\rQPD|IHE PDQ Query|T|@PID.3.1^P1|||||^^^NOBODY\rRCP|I\r"
	path := filepath.Join(t.TempDir(), "halong.yaml")
	settings := "hl7:\n  peers:\n    - {address: 127.0.0.1, facility: BV1%s}\n"
	data := t.TempDir()
	during := func(setting string, do func(send func(string) string)) {
		t.Helper()
		if err := os.WriteFile(path, fmt.Appendf(nil, settings, setting), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		c.Data, c.HTTP.Listen, c.DICOM.Listen, c.HL7.Listen = data, "127.0.0.1:0", config.Off, "127.0.0.1:0"
		a, end := begin(t, c)
		defer end()
		client, err := mllp.Dial(context.Background(), a.Addresses().HL7)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		do(func(m string) string {
			t.Helper()
			answer, err := client.Send(context.Background(), []byte(m))
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(answer), "\rMSA|")
			return rest
		})
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	warning := "AA|1\rERR||MRG^1^1|205^Duplicate key identifier^HL70357|W||||a patient cannot be merged or linked with itself\r"
	during("", func(send func(string) string) {
		check("at first", send(merge("2.5", 1)), warning)
		check("2.3", send(merge("2.3", 2)), "AA|2|a patient cannot be merged or linked with itself\rERR|MRG^1^1^205&Duplicate key identifier&HL70357\r")
	})
	during(", warnings: false", func(send func(string) string) {
		check("again", send(merge("2.5", 1)), "AA|1\r")
		check("2.3, again", send(merge("2.3", 2)), "AA|2\r")
		check("new", send(merge("2.5", 3)), "AA|3\r")
		check("new, again", send(merge("2.5", 3)), "AA|3\r")
		check("enhanced", send(strings.Replace(merge("2.5", 4), "|P|2.5\r", "|P|2.5|||NE|AL\r", 1)), "AA|4\r")
		if got := send(order); strings.Contains(got, "ERR|") || !strings.HasPrefix(got, "AA|9\rORC|") {
			t.Errorf("an order: %q", got)
		}
		if got := send(query); !strings.HasPrefix(got, "AE|8\rERR|") {
			t.Errorf("an error: %q", got)
		}
		check("FHS", strings.ReplaceAll(send("BHS|^~\\&\r"+merge("2.5", 5)+"BTS|1\r"), "\r", "/"), "AA|5/BTS|1/")
	})
	during(", warnings: true", func(send func(string) string) {
		check("with them again", send(merge("2.5", 3)), strings.Replace(warning, "AA|1", "AA|3", 1))
	})
}
