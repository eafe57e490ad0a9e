package forward

import (
	"context"
	"io"
	"sync"
	"time"
)

// bucket limits the bytes a second of everything that is read through it. A nil bucket limits nothing.
type bucket struct {
	rate  float64 // bytes a second
	burst float64
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu   sync.Mutex
	left float64
	at   time.Time
}

// chunk is how much is taken at once, in bytes.
const chunk = 32 << 10

func newBucket(rate int64, now func() time.Time, sleep func(context.Context, time.Duration) error) *bucket {
	if rate <= 0 {
		return nil
	}
	return &bucket{rate: float64(rate), burst: max(chunk, float64(rate)/4), now: now, sleep: sleep, at: now()}
}

// take waits until n bytes may pass.
func (b *bucket) take(ctx context.Context, n int) error {
	b.mu.Lock()
	now := b.now()
	b.left = min(b.burst, b.left+b.rate*now.Sub(b.at).Seconds())
	b.at = now
	b.left -= float64(n) // below zero: who comes next waits for this too
	wait := time.Duration(-b.left / b.rate * float64(time.Second))
	b.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return b.sleep(ctx, wait)
}

// reader limits r.
func (b *bucket) reader(ctx context.Context, r io.Reader) io.Reader {
	if b == nil {
		return r
	}
	return &limited{ctx, b, r}
}

type limited struct {
	ctx context.Context
	b   *bucket
	r   io.Reader
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if len(p) > chunk {
		p = p[:chunk]
	}
	n, err := l.r.Read(p)
	if n > 0 {
		if werr := l.b.take(l.ctx, n); werr != nil {
			return n, werr
		}
	}
	return n, err
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
