package storage

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Locator tells where a blob lies that no row speaks of yet.
type Locator func(halong.Digest) (Place, bool)

// Handles tells whether Replay is the one to apply records of the kind.
func Handles(k RecordKind) bool {
	return k == RecordObject || k == RecordDecision || k == RecordQuarantine
}

// Replay applies one journal record to the index, as it was applied when it was
// written: the same records in the same order make the same rows. The error is of kind Corrupt
// when a blob the record needs is nowhere; nothing of the record is applied then, unless it is of an object and
// there is a lost: a later record may tell that the object was deleted. See Bury.
func (a *Archive) Replay(tx halong.Tx, rec Record, locate Locator, lost *Lost) error {
	if rec.Kind == RecordDecision {
		var d decision
		if err := json.Unmarshal(rec.Payload, &d); err != nil {
			return halong.E("storage.Replay", halong.Corrupt, "", err)
		}
		_, err := a.decide(tx, rec.Seq, &d)
		if halong.KindOf(err) == halong.NotExist {
			return nil // what it removed was lost before
		}
		return err
	}
	r, err := parseObjectRecord(rec.Payload)
	if err != nil {
		return err
	}
	arr := &arrival{rec: *r, identity: Identity{Facility: r.Facility, Study: r.Study, Series: r.Series, SOP: r.Manifest.SOPInstance}}
	if r.Coerced != nil {
		arr.coerced = &arrival{rec: *r.Coerced, identity: arr.identity}
	}
	for _, o := range []*arrival{arr, arr.coerced} { // before the first row is written, since it may fail
		if o == nil {
			continue
		}
		if err := a.replayRead(o, rec, locate, lost); err != nil {
			return err
		}
	}
	if err := a.addBlobs(tx, arr); err != nil {
		return err
	}
	if rec.Kind == RecordQuarantine {
		return a.fileQuarantine(tx, arr, rec.Seq, rec.Place)
	}
	_, err = a.fileInstance(tx, arr, r.Manifest.Digest(), rec.Seq, rec.Place, true)
	if errors.Is(err, errDuplicate) {
		return nil
	}
	return err
}

// replayRead finds the blobs of one object of a record and reads its head.
func (a *Archive) replayRead(arr *arrival, rec Record, locate Locator, lost *Lost) error {
	missing := lost.locate(arr, locate)
	if missing != nil && (lost == nil || rec.Kind != RecordObject) {
		return missing
	}
	if rec.Kind == RecordObject {
		if err := a.readAttributes(arr); err != nil {
			if missing == nil {
				return err
			}
			arr.describeBriefly()
		}
	}
	if missing != nil {
		lost.add(rec.Seq, arr, missing)
	}
	return nil
}

// readAttributes gathers the index's attributes from the head of a replayed record.
func (a *Archive) readAttributes(arr *arrival) error {
	o := &Object{blobs: a.blobs, manifest: &arr.rec.Manifest, torn: arr.rec.Torn}
	o.head = &joined{}
	if arr.rec.headApart() {
		last := arr.parts[len(arr.parts)-1]
		r, err := o.blob(last.info.Digest, *last.placed)
		if err != nil {
			return err
		}
		o.head.add(r, 0, arr.rec.Manifest.HeadLength)
	} else {
		o.head.add(readerAt(arr.rec.Head), 0, int64(len(arr.rec.Head)))
	}
	err := arr.attrs.readAll(o.Reader())
	if arr.rec.Torn > 0 && isSyntax(err) {
		err = nil // what comes before the cut was indexed when it arrived, and is now
	}
	if cerr := o.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return halong.E("storage.Replay", halong.Corrupt, string(arr.identity.SOP), err)
	}
	arr.study, arr.series, arr.instance = arr.attrs.finish(arr.rec.Manifest.TransferSyntax)
	return nil
}

// readAll gathers the attributes of a data set whose bytes are stored already.
func (a *attributes) readAll(r *dataset.Reader) error {
	for {
		t, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if t.Depth > 0 || t.External || t.Kind != dataset.DataElement && t.Kind != dataset.SequenceStart {
			continue
		}
		if t = known(t); t.Kind == dataset.DataElement && t.VR.IsBulk() {
			continue
		}
		if err := a.take(r, t); err != nil {
			return err
		}
	}
}
