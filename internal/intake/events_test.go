package intake

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/halong-gateway/halong/lab"
)

// TestPayloads writes payloads as encoding/json does.
func TestPayloads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,9}`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, name)
		}
		seq, n, flag := rapid.Uint64Max(1<<40).Draw(t, "seq"), rapid.IntRange(0, 1<<19).Draw(t, "n"), rapid.Bool().Draw(t, "flag")
		for _, p := range []interface{ json() []byte }{
			messagePayload{Message: seq, Type: text("type"), Control: text("control"), State: text("state"), Repeated: flag, Note: text("note")},
			reportPayload{Message: seq, Report: lab.NewID(seq, n), Version: n, Late: flag, Status: text("status"), Observations: n, NewPatient: !flag},
			patientPayload{seq},
		} {
			want, err := json.Marshal(p)
			if got := p.json(); err != nil || string(got) != string(want) {
				t.Fatalf("%s, not %s (%v)", got, want, err)
			}
		}
	})
}
