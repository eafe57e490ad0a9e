package conformance

import (
	"context"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// TestRefusedMessagesAreListedAndExported sends something that is no HL7v2
// message: it is refused, listed with a reason, and given back byte for byte.
func TestRefusedMessagesAreListedAndExported(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	c, err := mllp.Dial(context.Background(), g.HL7)
	if err != nil {
		t.Fatal(err)
	}
	const junk = "hello world, this is no message"
	answer, err := c.Send(context.Background(), []byte(junk))
	if err != nil || !strings.Contains(string(answer), "\rMSA|A") || strings.Contains(string(answer), "MSA|AA") {
		t.Errorf("answer %q, error %v; want AE or AR", answer, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	checkReasons(t, g.config.Data, 1)
	all := exported(t, g.config.Data, "--quarantine")
	if len(all) != 1 {
		t.Errorf("%d files exported, want 1", len(all))
	}
	for name, b := range all {
		if string(b) != junk || !strings.HasSuffix(name, ".hl7") {
			t.Errorf("%s holds %q", name, b)
		}
	}
}
