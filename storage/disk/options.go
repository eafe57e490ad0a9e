package disk

import "time"

// Options adjust a store. Zero fields stand for the defaults.
type Options struct {
	FS          FS            // the operating system's by default
	Budget      int64         // bytes of memory for arriving blobs; 64 MiB
	SegmentSize int64         // journal segments are rolled at this length in bytes; 256 MiB
	Ahead       int64         // bytes of zeros that are written ahead of a journal segment's end; 1 MiB, negative: none
	BulkSize    int64         // bulk segments; 1 GiB
	Inline      int64         // blobs up to this length are gathered in memory and put into segments; 1 MiB, at most 1 MiB
	Reserve     int64         // bytes set aside for decisions when the disk is full; 4 MiB, negative: none
	Patience    time.Duration // how long Create waits for memory before it makes a writer that goes to disk at once; 2 s
	NoDirect    bool          // never bypass the page cache

	// CompactAge is how long a segment must have been sealed before it may be compacted; 1 hour. It
	// covers blobs that were placed but whose transaction has not committed yet.
	CompactAge time.Duration
	Now        func() time.Time
}

func (o Options) withDefaults() Options {
	set := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.Budget, 64<<20)
	set(&o.SegmentSize, 256<<20)
	set(&o.Ahead, 1<<20)
	set(&o.BulkSize, 1<<30)
	set(&o.Inline, 1<<20)
	set(&o.Reserve, 4<<20)
	o.Inline = min(o.Inline, 1<<20)
	if o.FS == nil {
		o.FS = OS()
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Second
	}
	if o.CompactAge == 0 {
		o.CompactAge = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
