package app

import (
	"testing"
	"testing/synctest"
	"time"
)

// Who waits is cut when nothing moved on the connection for the time; not while others move, and not who does not wait.
func TestWatch(t *testing.T) {
	const stall = time.Minute
	for name, c := range map[string]struct {
		moves, every time.Duration // for how long something moves, and how often
		waits        time.Duration
		again        bool          // a second wait begins at once
		want         time.Duration // when it is cut; 0: never
	}{
		"nothing moves":     {0, 0, time.Hour, false, stall},
		"others move":       {30 * time.Minute, 50 * time.Second, 30 * time.Minute, false, 0},
		"no longer":         {10 * time.Minute, 50 * time.Second, time.Hour, false, 11 * time.Minute},
		"short":             {0, 0, stall - time.Second, false, 0},
		"one after another": {0, 0, stall - time.Second, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var cut time.Duration
				done := make(chan struct{})
				w := watch{stall: stall, cut: func(time.Time) error {
					cut = time.Since(start)
					close(done)
					return nil
				}, moved: func() int64 {
					if c.every == 0 {
						return 0
					}
					return int64(min(time.Since(start), c.moves) / c.every)
				}}
				for range map[bool]int{false: 1, true: 2}[c.again] {
					w.begin()
					select {
					case <-done:
					case <-time.After(c.waits):
					}
					w.end()
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if cut < c.want || cut > c.want+stall {
					t.Errorf("cut after %v, want %v", cut, c.want)
				}
				if c.want == 0 && cut != 0 {
					t.Errorf("cut after %v", cut)
				}
			})
		})
	}
}
