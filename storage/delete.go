package storage

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// decision is the payload of RecordDecision, as JSON: something a person or a
// rule decided about what is stored. Digest names the one version meant.
type decision struct {
	Version  int             `json:"v"`
	Action   string          `json:"action"` // "delete"
	Facility halong.Facility `json:"facility"`
	Study    dicom.UID       `json:"study,omitempty"`
	Series   dicom.UID       `json:"series,omitempty"`
	SOP      dicom.UID       `json:"instance,omitempty"`
	Digest   string          `json:"digest,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	By       halong.Source   `json:"by"`
	At       time.Time       `json:"at"` // UTC, microseconds
}

const actionDelete = "delete"

// deleteBatch is how many versions one transaction deletes.
const deleteBatch = 500

// Delete removes every version of every instance that ref names and scope sees
// from index and retrieval, and tells how many versions that were. The bytes go when
// Collect finds them unreferenced. The error is of kind NotExist when there was nothing.
func (a *Archive) Delete(ctx context.Context, scope halong.Scope, ref Ref, reason string, by halong.Source) (int, error) {
	ref.AllVersions = true
	total := 0
	for {
		batch, err := a.some(ctx, scope, ref, deleteBatch)
		if err != nil {
			return total, err
		}
		if len(batch) == 0 {
			break
		}
		at := a.now().UTC().Truncate(time.Microsecond)
		err = a.index.Update(ctx, func(tx halong.Tx) error {
			for _, in := range batch {
				if err := a.deleteOne(tx, in, reason, by, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		total += len(batch)
	}
	if total == 0 {
		return 0, halong.E("storage.Delete", halong.NotExist, string(ref.Study), nil)
	}
	return total, nil
}

func (a *Archive) some(ctx context.Context, scope halong.Scope, ref Ref, n int) ([]*Instance, error) {
	var out []*Instance
	for in, err := range a.index.Instances(ctx, scope, ref) {
		if err != nil {
			return nil, err
		}
		if out = append(out, in); len(out) == n {
			break
		}
	}
	return out, nil
}

func (a *Archive) deleteOne(tx halong.Tx, in *Instance, reason string, by halong.Source, at time.Time) error {
	d := decision{
		Version: 1, Action: actionDelete, Facility: in.Facility, Study: in.Study, Series: in.Series, SOP: in.SOP,
		Digest: in.Digest.String(), Reason: reason, By: by, At: at,
	}
	b, err := json.Marshal(d)
	if err != nil {
		return halong.E("storage.Delete", halong.Internal, string(in.SOP), err)
	}
	if _, _, err := a.journal.Append(tx, RecordDecision, b); err != nil {
		return err
	}
	return a.decide(tx, &d)
}

// decide carries a decision out in the index.
func (a *Archive) decide(tx halong.Tx, d *decision) error {
	if d.Version != 1 || d.Action != actionDelete {
		return halong.E("storage.decide", halong.Unsupported, d.Action, errors.New("decision of an unknown kind"))
	}
	digest, err := halong.ParseDigest(d.Digest)
	if err != nil {
		return err
	}
	id := Identity{Facility: d.Facility, Study: d.Study, Series: d.Series, SOP: d.SOP}
	if err := a.index.DeleteInstance(tx, id, digest); err != nil {
		return err
	}
	return a.emit(tx, halong.EventInstanceDeleted, d.Facility, d.At, instancePayload{
		Study: string(d.Study), Series: string(d.Series), SOP: string(d.SOP), Digest: d.Digest, Reason: d.Reason,
	})
}
