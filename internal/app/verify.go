package app

import (
	"context"
	"fmt"
	"iter"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Report is what Verify found.
type Report struct {
	Instances   int64 // versions of SOP Instances looked at
	Quarantined int64
	Messages    int64 // HL7v2 messages, taken and refused
	Documents   int64 // of laboratory reports
	Bytes       int64
	Damage      []string // one line each, without patient data
}

// Verify reads every stored byte again: each record of each segment against its
// checksum, each object against its digests, each message against its own.
func (d *Data) Verify(ctx context.Context, progress func(done int64)) (Report, error) {
	v, err := d.Archive.Verify(ctx, progress)
	r := Report{Instances: v.Instances, Quarantined: v.Quarantined, Bytes: v.Bytes}
	for _, x := range v.Damaged {
		r.Damage = append(r.Damage, damageLine(x))
	}
	if err != nil {
		return r, err
	}
	if err := d.verifyMessages(ctx, &r); err != nil {
		return r, err
	}
	if err := d.verifyDocuments(ctx, &r); err != nil {
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

// verifyMessages hashes the bytes of every message.
func (d *Data) verifyMessages(ctx context.Context, r *Report) error {
	everything := halong.Everything()
	for _, all := range []iter.Seq2[*storage.Message, error]{d.Index.Messages(ctx, everything), d.Index.Refused(ctx, everything)} {
		for m, err := range all {
			if err != nil {
				return err
			}
			r.Messages++
			n, err := d.verifyMessage(m)
			r.Bytes += n
			if err != nil {
				r.Damage = append(r.Damage, fmt.Sprintf("message %d of %s: %v", m.Seq, m.Facility, err))
			}
		}
	}
	return ctx.Err()
}

func (d *Data) verifyMessage(m *storage.Message) (int64, error) {
	b, err := d.Store.Open(m.Digest, m.Place)
	if err != nil {
		return 0, err
	}
	return storage.Check(b, m.Digest)
}

func damageLine(x storage.Damage) string {
	if x.Entry != 0 {
		return fmt.Sprintf("quarantine entry %d: %v", x.Entry, x.Err)
	}
	return fmt.Sprintf("study %s series %s instance %s version %d of %s: %v", x.Study, x.Series, x.SOP, x.Version, x.Facility, x.Err)
}
