package dicomweb

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// frameCache keeps frames that cost work to make, as they are answered: those of deflated objects, for each of which the whole
// object is inflated, those of big-endian ones, which are turned round, and those that begin inside a byte. Other frames are read from the place
// where they lie: the operating system's own cache has them, and another copy of them would only take its room. A
// frame is known by what it was made of, the digest of the instance, so the cache is never wrong.
type frameCache struct {
	byteCache[frameKey, []byte]

	mu     sync.Mutex
	making map[halong.Digest]*making
}

// frameKey is the content that a frame is part of, and its place there.
type frameKey struct {
	of    halong.Digest
	frame int
}

// making is the work on frames of one object: who else wants some waits for it.
type making struct {
	turn    chan struct{}
	waiting int
}

func newFrameCache(limit int64) *frameCache {
	return &frameCache{
		byteCache: byteCache[frameKey, []byte]{limit: limit, cost: func(b []byte) int64 { return int64(len(b)) + 128 }},
		making:    map[halong.Digest]*making{},
	}
}

// turn waits until nobody else makes frames of an object.
func (c *frameCache) turn(ctx context.Context, of halong.Digest) (done func(), err error) {
	c.mu.Lock()
	m := c.making[of]
	if m == nil {
		m = &making{turn: make(chan struct{}, 1)}
		c.making[of] = m
	}
	m.waiting++
	c.mu.Unlock()
	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if m.waiting--; m.waiting == 0 {
			delete(c.making, of)
		}
	}
	select {
	case m.turn <- struct{}{}:
		return func() { <-m.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, halong.E("dicomweb.frames", halong.Transient, "", ctx.Err())
	}
}

// costly tells whether making a frame is more than reading it.
func (s *frameSource) costly(f dataset.Frame) bool {
	ts := s.obj.TransferSyntax()
	return ts.Deflated || ts.BigEndian || f.BitOffset != 0
}

// kept gives a frame from the cache, or makes it and keeps it.
func (s *frameSource) kept(i int, f dataset.Frame) (io.Reader, int64, error) {
	key := frameKey{s.of, i}
	if b, ok := s.cache.get(key, nil); ok {
		return bytes.NewReader(b), int64(len(b)), nil
	}
	done, err := s.cache.turn(s.ctx, s.of)
	if err != nil {
		return nil, 0, err
	}
	defer done()
	if b, ok := s.cache.get(key, nil); ok { // made while we waited
		return bytes.NewReader(b), int64(len(b)), nil
	}
	r, size, err := s.make(i, f)
	if err != nil || size > s.cache.largest() {
		return r, size, err
	}
	b, err := s.keep(key, r, size)
	if err != nil {
		return nil, 0, err
	}
	if s.obj.TransferSyntax().Deflated {
		err = s.keepNext(i, size)
	}
	return bytes.NewReader(b), size, err
}

func (s *frameSource) keep(key frameKey, r io.Reader, size int64) ([]byte, error) {
	b := make([]byte, size) // it lies in the object: nobody merely claims it
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, halong.E("dicomweb.frames", halong.Corrupt, "", err)
	}
	s.cache.put(key, b)
	return b, nil
}

// keepNext keeps the frames after one while the object is inflated: they are asked for next, and each would cost the same again. They
// take at most a quarter of the cache.
func (s *frameSource) keepNext(i int, size int64) error {
	for room := s.cache.limit/4 - size; ; {
		i++
		if i >= s.table.Len() {
			return nil
		}
		f, err := s.table.Frame(i)
		if err != nil {
			return err
		}
		r, n, err := s.make(i, f)
		if room -= n; err != nil || room < 0 || n > s.cache.largest() {
			return err
		}
		if _, err := s.keep(frameKey{s.of, i}, r, n); err != nil {
			return err
		}
	}
}
