package app

import (
	"context"
	"fmt"

	"github.com/halong-gateway/halong/storage"
)

// Report is what Verify found.
type Report struct {
	Instances   int64 // versions of SOP Instances looked at
	Quarantined int64
	Bytes       int64
	Damage      []string // one line each, without patient data
}

// Verify reads every stored byte again: each record of each segment against its
// checksum, each object against its digests.
func (d *Data) Verify(ctx context.Context, progress func(done int64)) (Report, error) {
	v, err := d.Archive.Verify(ctx, progress)
	r := Report{Instances: v.Instances, Quarantined: v.Quarantined, Bytes: v.Bytes}
	for _, x := range v.Damaged {
		r.Damage = append(r.Damage, damageLine(x))
	}
	if err != nil {
		return r, err
	}
	segments, err := d.Store.Scrub(ctx, nil)
	for _, s := range segments {
		r.Damage = append(r.Damage, fmt.Sprintf("segment %d: %d bytes at %d: %s", s.Segment, s.Length, s.Offset, s.Reason))
	}
	for _, err := range d.lost {
		r.Damage = append(r.Damage, fmt.Sprintf("journal: %v", err))
	}
	return r, err
}

func damageLine(x storage.Damage) string {
	if x.Entry != 0 {
		return fmt.Sprintf("quarantine entry %d: %v", x.Entry, x.Err)
	}
	return fmt.Sprintf("study %s series %s instance %s version %d of %s: %v", x.Study, x.Series, x.SOP, x.Version, x.Facility, x.Err)
}
