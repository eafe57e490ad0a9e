package intake

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/halong-gateway/halong"
)

// TestLargeMessagesTakeLittle bounds what is taken from the heap while a message is filed, in copies of the message: what its values are
// made of does not count, nor how many there are. One copy is the test's, one the journal's.
func TestLargeMessagesTakeLittle(t *testing.T) {
	const size = 12 << 20
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, c := range map[string]struct {
		segments string
		most     float64
		note     string
	}{
		"text":            {"OBX|1|TX|c||" + fill("Kết quả bình thường. "), 3.5, ""},
		"formatted":       {"OBX|1|FT|c||" + fill(`dòng \.br\`), 3.5, ""},
		"note":            {"OBX|1|NM|c||5\rNTE|1||" + fill("ghi chú "), 3.5, ""},
		"many texts":      {fill("OBX|1|TX|c||" + strings.Repeat("x", 900) + "\r"), 9, ""},
		"data":            {"OBX|1|ED|c||^application^pdf^Base64^" + fill("QUJD"), 3.5, ""},
		"repetitions":     {"OBX|1|TX|c||" + fill("a~"), 3, "more repetitions than are processed"},
		"flags":           {"OBX|1|NM|c||5|||" + fill("H~"), 3, "more repetitions than are processed"},
		"fields":          {"OBX|1|NM|c||5" + fill("|"), 3, ""},
		"identifiers":     {"PID|1||" + fill("1~"), 3, "more repetitions than are processed"},
		"segments":        {fill("OBX|1|NM|c||5|u\r"), 6, "more segments than are processed"},
		"names of fields": {"OBX|1|TX|c||5|" + fill("u") + "|||||F", 7, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			msg := "MSH|^~\\&|L|B|H|B|20260101||ORU^R01|1|P|2.5\rPID|1||1\rOBR|1|P||S\r" + c.segments
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answers := w.send(msg)
			runtime.ReadMemStats(&after)
			if got := float64(after.TotalAlloc-before.TotalAlloc) / size; got > c.most {
				t.Errorf("%.1f copies of the message were allocated", got)
			}
			if msas(answers) != "AA 1" {
				t.Errorf("answered %q", msas(answers))
			}
			if m, err := w.db.Message(t.Context(), halong.Everything(), 1); err != nil || m.Note != c.note {
				t.Errorf("note %q, not %q (%v)", m.Note, c.note, err)
			}
		})
	}
}

// TestRoom lets large messages in one after the other, and in their order; small ones do not wait.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		ctx, cancel := context.WithCancel(t.Context())
		first, err := r.enter(ctx, 2*roomForAll)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		var leave []func()
		for i, n := range []int{roomForAll, roomForAll / 2, roomForAll / 2} {
			go func() {
				l, err := r.enter(ctx, n)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					order, leave = append(order, i), append(leave, l)
				}
			}()
			synctest.Wait()
		}
		if l, err := r.enter(ctx, smallest-1); err != nil {
			t.Error(err)
		} else {
			l()
		}
		in := func(want int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(order) != want {
				t.Errorf("%v are in", order)
			}
		}
		in(0)
		first()
		in(1)
		leave[0]()
		in(3)
		go func() {
			if _, err := r.enter(ctx, roomForAll); err == nil {
				t.Error("let in although nobody waits any more")
			}
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		leave[1]()
		leave[2]()
		if !r.bytes.TryAcquire(roomForAll) {
			t.Error("some room is not given back")
		}
	})
}
