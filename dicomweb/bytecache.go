package dicomweb

import (
	"container/list"
	"sync"
)

// byteCache keeps values, bounded by the bytes that they take; those used least recently go first. It is safe for concurrent use.
type byteCache[K comparable, V any] struct {
	limit int64 // bytes; less than 0 keeps nothing
	cost  func(V) int64

	mu    sync.Mutex
	byKey map[K]*list.Element // of *cached
	used  list.List           // the last used in front
	size  int64
}

// cached is one value.
type cached[K comparable, V any] struct {
	key   K
	value V
	cost  int64
}

// largest is the cost of the largest value that is kept.
func (c *byteCache[K, V]) largest() int64 { return c.limit / 8 }

// get gives a value if it is there and fits; one that does not goes.
func (c *byteCache[K, V]) get(key K, fits func(V) bool) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return v, false
	}
	if v = e.Value.(*cached[K, V]).value; fits != nil && !fits(v) {
		c.drop(e)
		var none V
		return none, false
	}
	c.used.MoveToFront(e)
	return v, true
}

func (c *byteCache[K, V]) put(key K, v V) {
	cost := c.cost(v)
	if cost > c.largest() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = make(map[K]*list.Element)
	}
	if e := c.byKey[key]; e != nil {
		c.drop(e)
	}
	c.byKey[key] = c.used.PushFront(&cached[K, V]{key, v, cost})
	c.size += cost
	for c.size > c.limit {
		c.drop(c.used.Back())
	}
}

func (c *byteCache[K, V]) drop(e *list.Element) {
	gone := c.used.Remove(e).(*cached[K, V])
	delete(c.byKey, gone.key)
	c.size -= gone.cost
}
