package dicomweb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// ShelfKey names what lies on a Shelf: Group is a series, Name one form of its metadata.
type ShelfKey = struct{ Group, Name [16]byte }

// Shelf keeps content on disk, bounded and checked for damage. What it loses is made again. *derived.Shelf has these methods.
type Shelf interface {
	Get(k ShelfKey) []byte  // nil if there is none
	Look(k ShelfKey) []byte // the same, without counting as use
	Put(k ShelfKey, content []byte) error
	Remove(k ShelfKey) error
	Drop(group [16]byte) error // all of a group
	Keys() []ShelfKey
}

// History gives the numbered and chained events of the index (see storage.Events).
type History interface {
	EventsSince(ctx context.Context, seq uint64, limit int) ([]halong.Event, error)
	// ChainEnd gives number and chain of the last event; zero if there is none.
	ChainEnd(ctx context.Context) (seq uint64, chain halong.Digest, err error)
}

// ReadyConfig says what a Ready works with.
type ReadyConfig struct {
	Shelf   Shelf
	History History
	// MadeBy names the program and all that answers depend on beside what is stored, the index's own name among it: what was made
	// under another name is not given out.
	MadeBy string
	Quiet  time.Duration    // how long a series must not change before its metadata are made; default 1 s
	Now    func() time.Time // nil: time.Now
	Failed func(error)      // background work that failed; nil: nobody is told
}

// Ready keeps the metadata of series as compressed documents on disk, so that they are made once and not after each start.
//
// Each bears the series' stamp (see storage.Stamp) and is given out only while that is the state of the series, so it is right at every
// instant, also of an ongoing ingest, after a deletion or when a patient's identity changed. A document is written when the series
// was quiet for a while after its metadata were asked for, and remade in the background when the series changed, in the forms that were asked for
// lately: an archive whose metadata nobody reads pays nothing. It also bears the place in the chain of events at which it was
// right: an older copy of the index, in which the same stamps may come again for other content, does not have that event.
type Ready struct {
	ReadyConfig
	s   *service
	run string // names this process among those that left documents

	mu     sync.Mutex
	wishes map[wishKey]*wish
	held   int64   // bytes of bodies in wishes
	forms  []*form // in which metadata were asked for, the last first

	unpack *zstd.Decoder
	pack   *zstd.Encoder
}

// form is what a document depends on beside what is stored.
type form struct {
	scope     halong.Scope
	facility  halong.Facility
	base      string
	mediaType string
	coding    string // that it is packed in: codingGzip, or codingZstd, also for what is sent without
	name      string // of all these
	last      time.Time
}

// shelved is what stands before the body, in one line of JSON.
type shelved struct {
	By     string        `json:"by"`
	Run    string        `json:"run"`
	Seq    uint64        `json:"seq"` // the last event when the document was right
	Chain  halong.Digest `json:"chain"`
	Study  string        `json:"study"`
	Series string        `json:"series"`
	Of     string        `json:"of"` // facility that the path named
	State  string        `json:"state"`
	Tag    string        `json:"tag"`    // entity tag without the coding
	Length int64         `json:"length"` // of the body without the coding
}

// NewReady makes a Ready; Run makes it work. cfg is what is given to Register, with the Ready in it.
func NewReady(cfg Config, r ReadyConfig) (*Ready, error) {
	if r.Quiet <= 0 {
		r.Quiet = time.Second
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Failed == nil {
		r.Failed = func(error) {}
	}
	var run [8]byte
	_, _ = rand.Read(run[:]) // never fails
	by := sha256.Sum256([]byte(r.MadeBy))
	r.MadeBy = hex.EncodeToString(by[:16])
	ready := &Ready{ReadyConfig: r, s: newService(cfg), run: hex.EncodeToString(run[:]), wishes: map[wishKey]*wish{}}
	var err, err2 error
	ready.unpack, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxWindow(1<<20))
	ready.pack, err2 = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil || err2 != nil {
		return nil, halong.E("dicomweb.NewReady", halong.Internal, "", fmt.Errorf("%w, %w", err, err2))
	}
	return ready, nil
}

// form gives what the answer to a request depends on.
func (r *Ready) form(q *request, mediaType, coding string) *form {
	if coding == "" {
		coding = codingZstd
	}
	f := &form{scope: q.scope, facility: q.facility, base: q.base, mediaType: mediaType, coding: coding}
	f.name = fmt.Sprintf("%+v %q %q %q %s %t", f.scope, f.facility, f.base, f.mediaType, f.coding, q.RelativeURI)
	return f
}

func (f *form) key(ref storage.Ref) (k ShelfKey) {
	group := sha256.Sum256([]byte(string(ref.Study) + "\x00" + string(ref.Series)))
	name := sha256.Sum256([]byte(f.name))
	copy(k.Group[:], group[:])
	copy(k.Name[:], name[:])
	return k
}

// document gives the metadata of the series that a request names, made in the state; nil if they are not there.
func (r *Ready) document(q *request, mediaType, coding, state string) *document {
	f := r.form(q, mediaType, coding)
	r.asked(f)
	k := f.key(q.ref())
	h, body := parseShelved(r.Shelf.Get(k))
	if h == nil || h.State != state || !r.trusts(q.ctx, h) {
		return nil
	}
	d := &document{state: state, contentType: mediaType, coding: coding, etag: codedTag(h.Tag, coding), body: body}
	if coding != "" {
		return d
	}
	if h.Length > q.documents.largest() {
		d.packed, d.length, d.body = body, h.Length, nil
		return d
	}
	plain, err := r.unpack.DecodeAll(body, make([]byte, 0, h.Length))
	if err != nil || int64(len(plain)) != h.Length {
		if err := r.Shelf.Remove(k); err != nil {
			r.Failed(err)
		}
		return nil
	}
	d.body = plain
	return d
}

// trusts tells whether a document is of this index, by this program.
func (r *Ready) trusts(ctx context.Context, h *shelved) bool {
	if h.By != r.MadeBy {
		return false
	}
	if h.Run == r.run || h.Seq == 0 {
		return h.Run == r.run
	}
	e, err := r.History.EventsSince(ctx, h.Seq-1, 1)
	return err == nil && len(e) == 1 && e[0].Seq == h.Seq && e[0].Chain == h.Chain
}

func parseShelved(b []byte) (*shelved, []byte) {
	end := slices.Index(b, '\n')
	if end < 0 {
		return nil, nil
	}
	h := &shelved{}
	if json.Unmarshal(b[:end], h) != nil {
		return nil, nil
	}
	return h, b[end+1:]
}

// mostForms is how many forms are made in the background, and formsFor how long after they were asked for last.
const (
	mostForms = 4
	formsFor  = 24 * time.Hour
)

// asked notes that a form was asked for.
func (r *Ready) asked(f *form) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.last = r.Now()
	r.forms = slices.DeleteFunc(r.forms, func(g *form) bool { return g.name == f.name || f.last.Sub(g.last) > formsFor })
	r.forms = slices.Insert(r.forms, 0, f)
	r.forms = r.forms[:min(len(r.forms), mostForms)]
}
