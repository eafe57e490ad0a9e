package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong"
)

var (
	errDuplicate   = errors.New("the same object came first")
	errVersion     = errors.New("another object with this SOP Instance UID is stored, and the version policy is quarantine")
	errBytesNeeded = errors.New("a blob that was thought stored is not")
)

// maxTries bounds how often a transaction is repeated because another one came first.
const maxTries = 5

// commit files a readable object.
func (a *Archive) commit(ctx context.Context, arr *arrival) (Receipt, error) {
	digest := arr.rec.Manifest.Digest()
	rcpt := Receipt{Identity: arr.identity, SOPClass: arr.rec.Manifest.SOPClass, Digest: digest, Warning: arr.rec.Reason}
	err := a.retry(ctx, arr, func() (done bool, err error) {
		if done, err = a.index.HasInstance(ctx, arr.identity, digest); done {
			rcpt.Outcome, rcpt.Changed = Duplicate, nil
			rcpt.Digest, rcpt.Coerced, err = a.inPlaceOf(ctx, arr.identity, digest)
		}
		return done, err
	}, func(tx halong.Tx) error {
		if c := arr.coerced; c != nil {
			rcpt.Digest, rcpt.Coerced, rcpt.Changed = c.rec.Manifest.Digest(), true, c.changed
		}
		added, err := a.addInstance(tx, arr, digest)
		rcpt.Outcome, rcpt.Version, rcpt.Hidden = added.Outcome, added.Version, added.Hidden
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	return rcpt, nil
}

// quarantine keeps an object that was not understood.
func (a *Archive) quarantine(ctx context.Context, arr *arrival) (Receipt, error) {
	digest := arr.rec.Manifest.Digest()
	rcpt := Receipt{Identity: arr.identity, SOPClass: arr.rec.Manifest.SOPClass, Digest: digest, Outcome: Quarantined}
	err := a.retry(ctx, arr, func() (bool, error) {
		return a.inQuarantine(ctx, arr, digest)
	}, func(tx halong.Tx) error {
		seq, err := a.addQuarantine(tx, arr)
		rcpt.Quarantine = seq
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	return rcpt, halong.E("storage.Store", halong.Invalid, arr.identity.SOP.Loggable(), arr.bad)
}

// retry runs the transaction add until it commits or known finds that what it
// would add is there already.
func (a *Archive) retry(ctx context.Context, arr *arrival, known func() (bool, error), add func(halong.Tx) error) error {
	a.collecting.RLock()
	defer a.collecting.RUnlock()
	all := false
	for range maxTries {
		if done, err := known(); done || err != nil {
			return err
		}
		if err := a.placeParts(ctx, arr, all); err != nil {
			return err
		}
		err := a.index.Update(ctx, add)
		switch {
		case errors.Is(err, errDuplicate):
		case errors.Is(err, errBytesNeeded):
			all = true
		default:
			return err
		}
	}
	return halong.E("storage.Store", halong.Transient, string(arr.identity.SOP), errors.New("others kept storing the same object"))
}

// placeParts writes the parts that are not stored yet, or all of them.
func (a *Archive) placeParts(ctx context.Context, arr *arrival, all bool) error {
	for _, p := range arr.allParts() {
		_, live, err := a.index.Blob(ctx, p.info.Digest)
		if err != nil {
			return err
		}
		if live && !all {
			continue
		}
		if err := p.place(); err != nil {
			return err
		}
		if p.w == nil {
			if err := a.stillThere(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// stillThere tells whether a part is where it was put. One that was released early, to
// make room for others, was held by nobody until now: a collection or compaction may have removed it.
func (a *Archive) stillThere(p *bulkPart) error {
	r, err := a.blobs.Open(p.info.Digest, *p.placed)
	if err != nil {
		return halong.E("storage.Store", halong.Transient, p.info.Digest.String(), fmt.Errorf("an equal blob was removed meanwhile: %w", err))
	}
	return r.Close()
}

// addBlobs makes sure that every part has a row.
func (a *Archive) addBlobs(tx halong.Tx, arr *arrival) error {
	for _, p := range arr.allParts() {
		_, found, err := a.index.AddBlob(tx, p.info, p.placed)
		if err != nil {
			return err
		}
		if !found {
			return errBytesNeeded
		}
	}
	return nil
}

func (a *Archive) addInstance(tx halong.Tx, arr *arrival, digest halong.Digest) (Added, error) {
	if err := a.addBlobs(tx, arr); err != nil {
		return Added{}, err
	}
	seq, payload, err := a.journal.Append(tx, RecordObject, arr.rec.encode()...)
	if err != nil {
		return Added{}, err
	}
	added, err := a.fileInstance(tx, arr, digest, seq, payload, false)
	if err == nil && arr.rejection != nil && !added.Hidden {
		err = a.reject(tx, arr)
	}
	return added, err
}

// fileInstance adds the rows of an object whose record lies at payload. A replayed record was
// accepted when it came, whatever the policy is now.
func (a *Archive) fileInstance(tx halong.Tx, arr *arrival, digest halong.Digest, seq uint64, payload Place, replayed bool) (Added, error) {
	n := arr.newInstance(digest, seq)
	n.Envelope, n.Head = arr.rec.places(payload)
	if arr.rec.headApart() {
		n.Head = Place{Length: n.Manifest.HeadLength}
	}
	received := halong.Digest{}
	if arr.coerced != nil {
		if err := a.fileReceived(tx, n, arr.coerced, replayed); err != nil {
			return Added{Outcome: Duplicate}, err
		}
		received = digest
		n = arr.coerced.newInstance(arr.coerced.rec.Manifest.Digest(), seq)
		n.Head = arr.rec.coercedPlace(payload)
		if arr.coerced.rec.headApart() {
			n.Head = Place{Length: n.Manifest.HeadLength}
		}
	}
	policy := a.policy
	if policy == QuarantineVersions {
		policy = ServeFirst
	}
	added, err := a.index.AddInstance(tx, n, policy)
	if err != nil {
		return added, err
	}
	if added.Outcome == Version && a.policy == QuarantineVersions && !replayed {
		return added, errVersion
	}
	if err := refused(added, replayed); err != nil {
		return added, err
	}
	return added, a.emitInstance(tx, &n.Instance, received, added)
}

// refused tells why nothing was added.
func refused(added Added, replayed bool) error {
	switch {
	case added.Refused && !replayed:
		return halong.E("storage.Store", halong.Permission, "", errRejected)
	case added.Refused, added.Outcome == Duplicate:
		return errDuplicate
	}
	return nil
}

func (a *Archive) addQuarantine(tx halong.Tx, arr *arrival) (uint64, error) {
	if err := a.addBlobs(tx, arr); err != nil {
		return 0, err
	}
	seq, payload, err := a.journal.Append(tx, RecordQuarantine, arr.rec.encode()...)
	if err != nil {
		return 0, err
	}
	return seq, a.fileQuarantine(tx, arr, seq, payload)
}

func (a *Archive) fileQuarantine(tx halong.Tx, arr *arrival, seq uint64, payload Place) error {
	r := &arr.rec
	e := &QuarantineEntry{
		Seq: seq, Facility: r.Facility, Source: r.Source, Received: r.Received, Reason: r.Reason,
		Manifest: r.Manifest, EnvelopeTail: r.Tail, HeadApart: r.headApart(),
	}
	e.Envelope, e.Head = r.places(payload)
	if r.headApart() {
		e.Head = Place{Length: r.Manifest.HeadLength}
	}
	if err := a.index.AddQuarantine(tx, e); err != nil {
		return err
	}
	return a.emitQuarantine(tx, e)
}
