package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

func asked(peer, transaction, sop string, at time.Time) *storage.Commitment {
	return &storage.Commitment{
		Facility: "BV1", Peer: peer, Transaction: dicom.UID("1." + transaction), Received: at, Due: at,
		Items: []storage.CommitmentItem{{SOPClass: "1.2", SOPInstance: dicom.UID(sop)}},
	}
}

// TestCommitments: what is added is there after the file was closed; repeats, conflicts and their end.
func TestCommitments(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "halong.db")
	now := time.Now().UTC().Truncate(time.Microsecond)
	db, err := sqlite.Open(ctx, path, nil, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := asked("CT1", "1", "1.2.3", now)
	if err := db.AddCommitment(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, nil, sqlite.Options{})
	again := asked("CT1", "1", "1.2.3", now.Add(time.Hour))
	if err := db.AddCommitment(ctx, again); err != nil || again.ID != c.ID {
		t.Fatal(again.ID, c.ID, err)
	}
	if err := db.AddCommitment(ctx, asked("CT1", "1", "1.2.4", now)); halong.KindOf(err) != halong.Conflict {
		t.Errorf("the same transaction with other instances: %v", err)
	}
	other := asked("CT2", "1", "1.2.4", now)
	if err := db.AddCommitment(ctx, other); err != nil || other.ID == c.ID {
		t.Errorf("another peer's transaction: %v", err)
	}
	got, err := db.Commitment(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.Due = again.Due // asked again: there is somebody to be told
	if d := cmp.Diff(c, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	got.State, got.Attempts, got.Due, got.Items[0].Reason = storage.CommitmentDone, 3, now.Add(time.Minute), 0x112
	if err := db.SaveCommitment(ctx, got); err != nil {
		t.Fatal(err)
	}
	if saved, err := db.Commitment(ctx, c.ID); err != nil || !cmp.Equal(saved, got) {
		t.Error(cmp.Diff(got, saved), err)
	}
	if open, err := db.OpenCommitments(ctx); err != nil || len(open) != 1 || open[0].ID != other.ID || open[0].Facility != "BV1" {
		t.Error(open, err)
	}
	if err := db.AddCommitment(ctx, again); err != nil { // done, and asked again
		t.Fatal(err)
	}
	if open, err := db.OpenCommitments(ctx); err != nil || len(open) != 2 || open[0].State != storage.CommitmentAsked || !open[0].Received.Equal(again.Received) {
		t.Error(open, err)
	}
	if err := db.ForgetCommitments(ctx, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Commitment(ctx, other.ID); halong.KindOf(err) != halong.NotExist {
		t.Errorf("forgotten: %v", err)
	}
	if _, err := db.Commitment(ctx, c.ID); err != nil {
		t.Errorf("too young to be forgotten: %v", err)
	}
}

// TestLocate: instances are found by UID alone in their facility, few of them by seeks and many by reading; no
// statement reads the objects' rows or sorts.
func TestLocate(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	const n = 60
	var all []dicom.UID
	err := db.Update(t.Context(), func(tx halong.Tx) error {
		all = all[:0]
		for i := range n {
			o := object(i, 2, 3)
			all = append(all, dicom.UID(o.SOP))
			if _, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
				return err
			}
		}
		twice := object(0, 2, 3)
		twice.Series = "1.2.99" // the same UID in a newer series
		elsewhere := object(n, 2, 3)
		elsewhere.Facility = "BV9"
		_, err := db.AddInstance(tx, twice.Instance(), storage.ServeFirst)
		if err == nil {
			_, err = db.AddInstance(tx, elsewhere.Instance(), storage.ServeFirst)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ask  []dicom.UID
		want int
	}{
		{all, n}, {all[:1], 1}, {append([]dicom.UID{"9.9"}, all[n-1]), 1}, {[]dicom.UID{dicom.UID(object(n, 2, 3).SOP)}, 0}, {nil, 0},
	} {
		var got map[dicom.UID]storage.Identity
		plans, err := db.Plans(func() (err error) {
			got, err = db.Locate(context.Background(), halong.DefaultFacility, c.ask)
			return err
		})
		if err != nil || len(got) != c.want {
			t.Errorf("%d asked for: %d found, %v", len(c.ask), len(got), err)
		}
		for sop, id := range got {
			if id.SOP != sop || id.Facility != halong.DefaultFacility || (sop == all[0]) != (id.Series == "1.2.99") {
				t.Errorf("%s: %+v", sop, id)
			}
		}
		for _, p := range plans {
			if strings.Contains(p, "TEMP B-TREE") || strings.Contains(p, "instance_sop") && !strings.Contains(p, "COVERING INDEX instance_sop") {
				t.Error(p)
			}
		}
	}
}
