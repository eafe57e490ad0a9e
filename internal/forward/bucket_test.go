package forward_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halong-gateway/halong/internal/forward"
)

// TestBandwidth: as many bytes a second pass as are allowed, of all readers together; without a limit it costs no time.
func TestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for rate, want := range map[int64]time.Duration{0: 0, 1 << 20: 10 * time.Second, 100 << 10: 102 * time.Second} {
			begin := time.Now()
			n, err := io.Copy(io.Discard, forward.Limited(context.Background(), rate, strings.NewReader(strings.Repeat("x", 10<<20))))
			if err != nil || n != 10<<20 {
				t.Error(n, err)
			}
			if took := time.Since(begin); took < want*9/10 || took > want*11/10 {
				t.Errorf("%d bytes a second: %v, want about %v", rate, took, want)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := io.Copy(io.Discard, forward.Limited(ctx, 1000, strings.NewReader(strings.Repeat("x", 1<<20))))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
