package storage

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Inbound is one object as it arrives.
type Inbound struct {
	Facility halong.Facility
	Source   halong.Source
	// Part10 tells that Body begins with preamble and File Meta Information (or
	// should: files without either are recognised). Else Body is a bare data set in TransferSyntax.
	Part10         bool
	TransferSyntax dicom.UID
	// SOPClass and SOPInstance are what the C-STORE command claims, Study what the
	// STOW-RS URL claims; empty claims are not compared.
	SOPClass    dicom.UID
	SOPInstance dicom.UID
	Study       dicom.UID
	Body        io.Reader
	// Unkept tells that the sender has the bytes still, and will see to it that they are kept, should they not be understood: they do not go to
	// quarantine then, and Receipt.Outcome is OutcomeNone. See Archive.Quarantine.
	Unkept bool
}

// Receipt tells what was stored.
type Receipt struct {
	Identity
	SOPClass dicom.UID
	Outcome  Outcome
	Digest   halong.Digest // of what is served of it
	Version  int
	Warning  string // what is wrong with the object although it was stored; empty if nothing
	// Coerced tells that another data set than the one received is served: the site's rules
	// changed it. Changed are the top-level attributes they changed, if they did so just now.
	Coerced    bool
	Changed    []dicom.Tag
	Quarantine uint64 // entry number when Outcome is Quarantined; 0 if the same bytes lay there already
	Hidden     bool   // it was deleted or rejected before: it is kept, and nobody sees it
}

// Config is what an Archive is made of.
type Config struct {
	Index   Index
	Blobs   Blobs
	Journal Journal
	Limits  dataset.Limits // of data sets that arrive; Value, if 0, is 8 MiB, which every arriving object may take beside the budget
	Policy  VersionPolicy  // empty: ServeFirst
	Coerce  Coercion       // of every object that arrives; nil: none
	// Rejections are the rules for rejection notes, by the code of their title; nil: DefaultRejections.
	Rejections map[string]RejectionRule
	Now        func() time.Time // nil: time.Now
	// Concurrent is how many objects may be arriving at once; further ones wait
	// before their first byte is read. 0: 128.
	Concurrent int
	// Grace is how long a blob without references is kept. 0: an hour.
	Grace time.Duration
}

// Archive stores, finds and gives back. It is safe for concurrent use.
type Archive struct {
	index   Index
	blobs   Blobs
	journal Journal
	limits  dataset.Limits
	policy  VersionPolicy
	now     func() time.Time
	grace   time.Duration
	slots   chan struct{}

	rejections map[string]RejectionRule

	coercion Coercion
	large    chan struct{} // held while a large head is coerced

	// collecting is held for reading from the placing of blobs to the commit of
	// their rows, for writing while blobs are removed.
	collecting sync.RWMutex
}

// NewArchive makes an archive of its parts.
func NewArchive(c Config) *Archive {
	a := &Archive{index: c.Index, blobs: c.Blobs, journal: c.Journal, limits: c.Limits, policy: c.Policy, now: c.Now, grace: c.Grace, coercion: c.Coerce, rejections: c.Rejections, large: make(chan struct{}, 1)}
	if a.limits.Value == 0 {
		a.limits.Value = 8 << 20
	}
	if a.policy == "" {
		a.policy = ServeFirst
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.rejections == nil {
		a.rejections = DefaultRejections()
	}
	if a.grace == 0 {
		a.grace = time.Hour
	}
	if c.Concurrent == 0 {
		c.Concurrent = 128
	}
	a.slots = make(chan struct{}, c.Concurrent)
	return a
}

func (a *Archive) acquire(ctx context.Context) error {
	select {
	case a.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return halong.E("storage.Store", halong.Transient, "", ctx.Err())
	}
}

func (a *Archive) release() { <-a.slots }

// similar gives the lookup that large blobs use to find one that may be equal.
func (a *Archive) similar(ctx context.Context) func(uint64) (halong.Digest, Place, BlobReader) {
	return func(prefix uint64) (halong.Digest, Place, BlobReader) {
		row, ok, err := a.index.BlobByPrefix(ctx, prefix)
		if err != nil || !ok {
			return halong.Digest{}, Place{}, nil // the bytes are written then
		}
		r, err := a.blobs.Open(row.Digest, row.Place)
		if err != nil {
			return halong.Digest{}, Place{}, nil
		}
		return row.Digest, row.Place, r
	}
}

// Find gives matches of a query; see InstanceIndex.Find.
func (a *Archive) Find(ctx context.Context, scope halong.Scope, q Query) iter.Seq2[Row, error] {
	return a.index.Find(ctx, scope, q)
}

// Instances gives the instances that ref names; see InstanceIndex.Instances.
func (a *Archive) Instances(ctx context.Context, scope halong.Scope, ref Ref) iter.Seq2[*Instance, error] {
	return a.index.Instances(ctx, scope, ref)
}

// Stamp gives the state of a study or series: see InstanceIndex.
func (a *Archive) Stamp(ctx context.Context, scope halong.Scope, ref Ref) (Stamp, error) {
	return a.index.Stamp(ctx, scope, ref)
}

// QuarantineList gives what is in quarantine, in order of arrival.
func (a *Archive) QuarantineList(ctx context.Context, scope halong.Scope) iter.Seq2[*QuarantineEntry, error] {
	return a.index.Quarantine(ctx, scope)
}
