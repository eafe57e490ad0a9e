package disk

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	b := newBudget(3 * classes[firstClass])
	ctx := context.Background()
	var held []*buffer
	for range 3 {
		buf, err := b.get(ctx, firstClass, time.Minute)
		if err != nil || buf == nil {
			t.Fatal(buf, err)
		}
		held = append(held, buf)
	}
	if b.try(tinyClass) != nil {
		t.Error("a buffer beyond the limit")
	}
	if buf, err := b.get(ctx, firstClass, time.Millisecond); buf != nil || err != nil {
		t.Errorf("after patience %v, %v; want nothing", buf, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if buf, err := b.get(ended, firstClass, time.Minute); buf != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx %v, %v", buf, err)
	}
	got := make(chan *buffer)
	go func() {
		buf, _ := b.get(ctx, firstClass, time.Minute)
		got <- buf
	}()
	time.Sleep(time.Millisecond)
	b.put(held[0])
	held[0] = <-got
	for _, buf := range held {
		b.put(buf)
	}
	if b.used != 0 || b.kept != b.limit {
		t.Errorf("%d in use, %d kept; want 0, %d", b.used, b.kept, b.limit)
	}
	if big, err := b.get(ctx, 0, 0); err != nil || b.used+b.kept > b.limit {
		t.Errorf("%v, %v: %d in use, %d kept, limit %d", big, err, b.used, b.kept, b.limit)
	}
}

// Random use by many never exceeds the limit, and all memory comes back.
func TestBudgetIsKept(t *testing.T) {
	b := newBudget(4 << 20)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 300 {
				buf, err := b.get(context.Background(), (i+j)%len(classes), 10*time.Millisecond)
				if err != nil {
					t.Error(err)
				}
				more := b.try((i * j) % len(classes))
				b.mu.Lock()
				if b.used+b.kept > b.limit {
					t.Errorf("%d in use, %d kept, limit %d", b.used, b.kept, b.limit)
				}
				b.mu.Unlock()
				b.put(buf)
				b.put(more)
			}
		})
	}
	wg.Wait()
	if b.used != 0 {
		t.Errorf("%d in use at the end", b.used)
	}
}
