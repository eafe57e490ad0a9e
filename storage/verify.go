package storage

import (
	"context"
	"errors"
	"iter"

	"github.com/halong-gateway/halong"
)

// Damage is one object that cannot be given back as it was received.
type Damage struct {
	Identity
	Version int    // 0 for a quarantined object
	Entry   uint64 // quarantine entry
	Err     error
}

// Report is the outcome of Verify.
type Report struct {
	Instances   int64 // versions looked at
	Quarantined int64
	Bytes       int64 // hashed
	Damaged     []Damage
}

// Verify reads every stored byte again, compares all digests, and tells what
// does not match. progress, if not nil, is called now and then with the number of objects done.
func (a *Archive) Verify(ctx context.Context, progress func(done int64)) (Report, error) {
	v := verifier{archive: a, good: map[halong.Digest]bool{}, progress: progress}
	for _, all := range []iter.Seq2[*Instance, error]{a.index.Instances(ctx, halong.Everything(), Ref{AllVersions: true}), a.index.HiddenInstances(ctx)} {
		for in, err := range all {
			if err != nil {
				return v.report, err
			}
			v.instance(in)
		}
	}
	for e, err := range a.index.Quarantine(ctx, halong.Everything()) {
		if err != nil {
			return v.report, err
		}
		v.report.Quarantined++
		if err := v.object(&e.Manifest, e.Head); err != nil {
			v.report.Damaged = append(v.report.Damaged, Damage{Identity: Identity{Facility: e.Facility}, Entry: e.Seq, Err: err})
		}
	}
	return v.report, ctx.Err()
}

type verifier struct {
	archive  *Archive
	good     map[halong.Digest]bool // shared blobs already hashed, and whether they matched
	report   Report
	progress func(int64)
}

// instance looks at one version.
func (v *verifier) instance(in *Instance) {
	v.report.Instances++
	err := v.object(&in.Manifest, in.Head)
	if err == nil && in.Manifest.Digest() != in.Digest {
		err = halong.E("storage.Verify", halong.Corrupt, in.Digest.String(), errors.New("the manifest is not the one of the instance digest"))
	}
	if err != nil {
		v.report.Damaged = append(v.report.Damaged, Damage{Identity: in.Identity, Version: in.Version, Err: err})
	}
}

// object hashes the head and every bulk value not hashed before.
func (v *verifier) object(m *Manifest, head Place) error {
	if v.progress != nil {
		v.progress(v.report.Instances + v.report.Quarantined)
	}
	if m.HeadLength > 0 {
		if err := v.blob(m.Head, head); err != nil {
			return err
		}
	}
	for i := range m.Bulk {
		d := m.Bulk[i].Digest
		ok, seen := v.good[d]
		if !seen {
			err := v.blob(d, m.Bulk[i].Place)
			v.good[d] = err == nil
			if err != nil {
				return err
			}
		} else if !ok {
			return corrupt(d)
		}
	}
	return nil
}

func (v *verifier) blob(d halong.Digest, p Place) error {
	r, err := v.archive.blobs.Open(d, p)
	if err != nil {
		return err
	}
	n, err := Check(r, d)
	v.report.Bytes += n
	return err
}

func corrupt(d halong.Digest) error {
	return halong.E("storage.Verify", halong.Corrupt, d.String(), errDecayed)
}
