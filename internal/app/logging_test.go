package app

import (
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/app/config"
)

// TestLoggedDurations: durations are logged as people read them, in both formats.
func TestLoggedDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		923653557: "924ms", 12*time.Minute + 1234567890: "12m1.235s", 15 * time.Microsecond: "15µs", 0: "0s", -1500 * time.Microsecond: "-2ms",
	} {
		for format, said := range map[string]string{"json": `"again in":"` + want + `"`, "text": `"again in"=` + want} {
			var b strings.Builder
			NewLogger(&b, config.Log{Format: format, Level: "info"}).Warn("x", "again in", d)
			if !strings.Contains(b.String(), said) {
				t.Errorf("%s: %s in %s", format, said, b.String())
			}
		}
	}
}
