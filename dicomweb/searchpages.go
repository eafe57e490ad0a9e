package dicomweb

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"

	"github.com/halong-gateway/halong/storage"
)

// pageCache remembers where pages of searches ended, so that the next page begins there and not at a count of rows: what
// is stored meanwhile neither doubles nor hides results. It is bounded; what it has forgotten is paged by offset.
type pageCache struct {
	mu    sync.Mutex
	ends  map[pageKey]storage.Position
	order []pageKey // the oldest at next
	next  int
}

// rememberedPages is how many ends are kept, at about 400 bytes each.
const rememberedPages = 4096

// pageKey is caller, resource and query, and how many results stand before the page.
type pageKey struct {
	search [16]byte
	offset int
}

func (p *pageCache) after(search [16]byte, offset int) (storage.Position, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.ends[pageKey{search, offset}]
	return at, ok
}

func (p *pageCache) put(search [16]byte, offset int, at storage.Position) {
	k := pageKey{search, offset}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends == nil {
		p.ends = make(map[pageKey]storage.Position)
	}
	if _, ok := p.ends[k]; !ok {
		if len(p.order) < rememberedPages {
			p.order = append(p.order, k)
		} else {
			delete(p.ends, p.order[p.next])
			p.order[p.next] = k
			p.next = (p.next + 1) % rememberedPages
		}
	}
	p.ends[k] = at
}

// pageKey names a search: who asks for what, whatever page.
func (q *request) pageKey(res resource) (key [16]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %v %d %q %q", q.Peer(q.Context), q.RealIP(), q.own, q.scope, res.level, q.param("study"), q.param("series"))
	for _, p := range q.query {
		switch name := strings.ToLower(p.name); name {
		case "limit", "offset", "accept", "includefield":
		default:
			fmt.Fprintf(h, " %q=%q", name, p.value)
		}
	}
	copy(key[:], h.Sum(nil))
	return key
}
