package storage

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// decision is the payload of RecordDecision, as JSON: something a person or a
// rule decided about what is stored.
type decision struct {
	Version  int             `json:"v"`
	Action   string          `json:"action"`
	Facility halong.Facility `json:"facility,omitempty"`
	Study    dicom.UID       `json:"study,omitempty"`
	Series   dicom.UID       `json:"series,omitempty"`
	SOP      dicom.UID       `json:"instance,omitempty"`
	Digest   string          `json:"digest,omitempty"` // of actionDelete: the one version meant
	Code     string          `json:"code,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	By       halong.Source   `json:"by"`
	At       time.Time       `json:"at"` // UTC, microseconds

	Removal uint64        `json:"removal,omitempty"` // the one that is meant; 0: the one that begins with this record
	Kind    RemovalKind   `json:"kind,omitempty"`
	Again   Again         `json:"again,omitempty"`
	Items   []seriesItems `json:"items,omitempty"` // what it names; nothing else is hidden
	Limit   int           `json:"limit,omitempty"` // how much of it is done by this record; 0: all
	Cause   uint64        `json:"cause,omitempty"` // the removal that is why
}

// seriesItems are instances of one series.
type seriesItems struct {
	Study  dicom.UID   `json:"study"`
	Series dicom.UID   `json:"series"`
	SOPs   []dicom.UID `json:"instances"`
}

// The actions.
const (
	actionDelete  = "delete" // one version at once and for good, as the first versions of this program deleted
	actionRemove  = "remove"
	actionRestore = "restore"
	actionPurge   = "purge"
)

var errAction = errors.New("decision of an unknown kind")

// bySeries gathers items, which are sorted, into series.
func bySeries(items []RemovedItem) (out []seriesItems) {
	for _, it := range items {
		if n := len(out); n == 0 || out[n-1].Study != it.Study || out[n-1].Series != it.Series {
			out = append(out, seriesItems{Study: it.Study, Series: it.Series})
		}
		last := &out[len(out)-1]
		last.SOPs = append(last.SOPs, it.SOP)
	}
	return out
}

func (d *decision) items() (out []RemovedItem) {
	for _, se := range d.Items {
		for _, sop := range se.SOPs {
			out = append(out, RemovedItem{se.Study, se.Series, sop})
		}
	}
	return out
}

// record writes a decision to the journal and carries it out. more tells that it was
// not done to its end.
func (a *Archive) record(tx halong.Tx, d *decision) (seq uint64, more bool, err error) {
	d.Version = 1
	b, err := json.Marshal(d)
	if err != nil {
		return 0, false, halong.E("storage.record", halong.Internal, string(d.SOP), err)
	}
	if seq, _, err = a.journal.Append(tx, RecordDecision, b); err != nil {
		return 0, false, err
	}
	more, err = a.decide(tx, seq, d)
	return seq, more, err
}

// decide carries out the decision of a journal record, when it is made and when it is replayed.
func (a *Archive) decide(tx halong.Tx, seq uint64, d *decision) (more bool, err error) {
	if d.Version != 1 {
		return false, halong.E("storage.decide", halong.Unsupported, d.Action, errAction)
	}
	switch d.Action {
	case actionDelete:
		return false, a.deleteVersion(tx, d)
	case actionRemove:
		return false, a.remove(tx, seq, d)
	case actionRestore:
		return a.restore(tx, d)
	case actionPurge:
		return a.purge(tx, d)
	}
	return false, halong.E("storage.decide", halong.Unsupported, d.Action, errAction)
}

// deleteVersion removes the row of one version.
func (a *Archive) deleteVersion(tx halong.Tx, d *decision) error {
	digest, err := halong.ParseDigest(d.Digest)
	if err != nil {
		return err
	}
	id := Identity{Facility: d.Facility, Study: d.Study, Series: d.Series, SOP: d.SOP}
	if err := a.index.DeleteInstance(tx, id, digest); err != nil {
		return err
	}
	if err := a.redescribe(tx, id.Facility, []HiddenVersion{{Identity: id}}); err != nil {
		return err
	}
	return a.emit(tx, halong.EventInstanceDeleted, d.Facility, d.At, instancePayload{
		Study: string(d.Study), Series: string(d.Series), SOP: string(d.SOP), Digest: d.Digest, Reason: d.Reason,
	})
}

// remove begins a removal or goes on with one.
func (a *Archive) remove(tx halong.Tx, seq uint64, d *decision) error {
	id := d.Removal
	if id == 0 {
		id = seq
		r := Removal{
			ID: id, Kind: d.Kind, Facility: d.Facility, Study: d.Study, Series: d.Series, SOP: d.SOP,
			Code: d.Code, Reason: d.Reason, By: d.By, At: d.At, Again: d.Again,
		}
		if err := a.index.AddRemoval(tx, &r); err != nil {
			return err
		}
	}
	hidden, err := a.index.Hide(tx, id, d.items())
	if err != nil {
		return err
	}
	if err := a.redescribe(tx, d.Facility, hidden); err != nil {
		return err
	}
	return a.emitHidden(tx, d, id, hidden)
}

// restore takes a removal back, and with it what it had taken back itself.
func (a *Archive) restore(tx halong.Tx, d *decision) (more bool, err error) {
	back, more, err := a.index.Restore(tx, d.Removal, d.Limit)
	if err != nil {
		return false, err
	}
	if err := a.redescribe(tx, d.Facility, back); err != nil {
		return false, err
	}
	for i := range back {
		if err := a.emitVersion(tx, halong.EventInstanceStored, d.Facility, d.At, &back[i], instancePayload{Removal: d.Removal}); err != nil {
			return false, err
		}
	}
	if more {
		return true, nil
	}
	if err := a.index.SetRemoval(tx, d.Removal, RemovalRestored, d.At, d.By, d.Cause); err != nil {
		return false, err
	}
	again, err := a.index.TakenBack(tx, d.Removal)
	if err != nil {
		return false, err
	}
	for _, id := range again { // the note is there again, and so is what it says
		if err := a.index.SetRemoval(tx, id, RemovalHides, d.At, d.By, 0); err != nil {
			return false, err
		}
		hidden, err := a.index.Renew(tx, id)
		if err == nil {
			err = a.redescribe(tx, d.Facility, hidden)
		}
		if err == nil {
			err = a.emitHidden(tx, d, id, hidden)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// purge gives up what a removal hides.
func (a *Archive) purge(tx halong.Tx, d *decision) (more bool, err error) {
	n, more, err := a.index.Purge(tx, d.Removal, d.Limit)
	if err != nil {
		return false, err
	}
	if !more {
		if err := a.index.SetRemoval(tx, d.Removal, RemovalPurged, d.At, d.By, d.Cause); err != nil {
			return false, err
		}
	}
	return more, a.emit(tx, halong.EventRemovalPurged, d.Facility, d.At, struct {
		Removal  uint64 `json:"removal"`
		Versions int    `json:"versions"`
		Done     bool   `json:"done"`
	}{d.Removal, n, !more})
}

// emitHidden says of each version that was hidden what is said of one that is deleted.
func (a *Archive) emitHidden(tx halong.Tx, d *decision, removal uint64, hidden []HiddenVersion) error {
	for i := range hidden {
		if err := a.emitVersion(tx, halong.EventInstanceDeleted, d.Facility, d.At, &hidden[i], instancePayload{Removal: removal, Code: d.Code, Reason: d.Reason}); err != nil {
			return err
		}
	}
	return nil
}

// emitVersion tells of a version. What was received of a coerced one is nobody's business but when it goes.
func (a *Archive) emitVersion(tx halong.Tx, t halong.EventType, f halong.Facility, at time.Time, v *HiddenVersion, p instancePayload) error {
	if v.Kept && t == halong.EventInstanceStored {
		return nil
	}
	p.Study, p.Series, p.SOP = string(v.Study), string(v.Series), string(v.SOP)
	p.Class, p.Digest, p.Version = string(v.SOPClass), v.Digest.String(), v.Version
	return a.emit(tx, t, f, at, p)
}
