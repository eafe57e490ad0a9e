package conformance

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/storage"
)

// copyIndex copies the index of a closed data folder to or from a place aside.
func copyIndex(t testing.TB, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// rows gives what queries answer about all instances, as DICOM-encoded attributes.
func rows(t testing.TB, d *app.Data) map[storage.Identity]string {
	t.Helper()
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	out := map[storage.Identity]string{}
	for _, level := range []storage.Level{storage.LevelStudy, storage.LevelSeries, storage.LevelInstance} {
		for row, err := range d.Archive.Find(context.Background(), halong.Everything(), storage.Query{Level: level}) {
			if err != nil {
				t.Fatal(err)
			}
			out[row.Identity] = string(row.Attributes.Append(nil, ts))
		}
	}
	return out
}

// An index older than what was removed since, put back beside the newer store, is noticed at the start
// and made again: nothing that was acknowledged and not deleted is missing, nothing is destroyed.
func TestOlderIndexIsMadeAgain(t *testing.T) {
	for _, removed := range []bool{false, true} {
		dir := t.TempDir()
		index, aside := filepath.Join(dir, "index"), filepath.Join(t.TempDir(), "aside")
		d := openImpatient(t, dir)
		all := mixed(820, 40)
		for i := range all[:25] {
			put(t, d, &all[i])
		}
		closeData(t, d)
		copyIndex(t, index, aside)

		d = openImpatient(t, dir)
		for i := range all[25:] {
			put(t, d, &all[25+i])
		}
		dropped := map[dicom.UID]bool{}
		for i := range all {
			if i%4 != 0 {
				drop(t, d, &all[i])
				dropped[all[i].sop] = true
			}
		}
		if removed {
			if r := reclaim(t, d); r.Blobs == 0 || r.Segments == 0 {
				t.Fatalf("%+v: the test needs more", r)
			}
		}
		for i := range all { // what was deleted and comes back is there
			if i%10 == 1 {
				put(t, d, &all[i])
				delete(dropped, all[i].sop)
			}
		}
		want := rows(t, d)
		closeData(t, d)

		copyIndex(t, aside, index)
		log := &logBuffer{}
		c := onLoopback(dir)
		d, err := app.OpenData(context.Background(), c, app.NewLogger(log, c.Log), impatient())
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Contains(log.String(), "index: made again"); said != removed {
			t.Errorf("the index was made again: %v, want %v: %s", said, removed, log)
		}
		intact(t, d, all, dropped)
		if diff := cmp.Diff(want, rows(t, d)); diff != "" {
			t.Error(diff)
		}
		reclaim(t, d)
		intact(t, d, all, dropped)
		closeData(t, d)
		d = openImpatient(t, dir)
		intact(t, d, all, dropped)
		if diff := cmp.Diff(want, rows(t, d)); diff != "" {
			t.Error(diff)
		}
		closeData(t, d)
	}
}

// While index and store are not of one generation nothing is removed.
func TestNothingIsRemovedOutOfStep(t *testing.T) {
	dir := t.TempDir()
	d := openImpatient(t, dir)
	o := newObject(821, 1, 2<<20, "A")
	put(t, d, &o)
	drop(t, d, &o)
	if err := d.Store.RaiseGeneration(9); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Millisecond)
	before := diskUse(t, dir)
	if _, err := d.Archive.Collect(context.Background(), d.Store); halong.KindOf(err) != halong.Conflict {
		t.Errorf("Collect gives %v, want an error of kind conflict", err)
	}
	if _, err := d.Archive.Compact(context.Background(), d.Store); halong.KindOf(err) != halong.Conflict {
		t.Errorf("Compact gives %v, want an error of kind conflict", err)
	}
	if after := diskUse(t, filepath.Join(dir, "store", "blobs")); after < 2<<20 || before == 0 {
		t.Errorf("%d bytes left", after)
	}
	closeData(t, d)
	d = openImpatient(t, dir) // makes the index again
	if r := reclaim(t, d); r.Blobs != 1 {
		t.Errorf("%d blobs removed, want 1", r.Blobs)
	}
	closeData(t, d)
}

// A store older than its index is not served: what it lacks would be taken for stored.
func TestOlderStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := openImpatient(t, dir)
	all := mixed(822, 3)
	for i := range all {
		put(t, d, &all[i])
		drop(t, d, &all[i])
		reclaim(t, d)
	}
	put(t, d, &all[0])
	closeData(t, d)
	name := filepath.Join(dir, "store", "generation")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := app.OpenData(context.Background(), onLoopback(dir), quiet()); halong.KindOf(err) != halong.Conflict {
		t.Fatalf("error %v, want one of kind conflict", err)
	}
	if done, err := app.Reindex(context.Background(), onLoopback(dir), quiet()); err != nil || done.Lost != 0 {
		t.Fatalf("reindex: %+v, %v", done, err)
	}
	d = openImpatient(t, dir)
	intact(t, d, all[:1], nil)
	closeData(t, d)
}

// An index that was being made when the process ended is begun anew.
func TestHalfMadeIndexIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	d := openImpatient(t, dir)
	all := mixed(823, 12)
	for i := range all {
		put(t, d, &all[i])
	}
	drop(t, d, &all[3])
	reclaim(t, d)
	want := rows(t, d)
	closeData(t, d)
	if err := os.RemoveAll(filepath.Join(dir, "index")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	parts := impatient()
	parts.Log = func(l storage.Log) storage.Log { return &cutOff{Log: l, cut: cancel} }
	if d, err := app.OpenData(ctx, onLoopback(dir), quiet(), parts); err == nil {
		closeData(t, d)
		t.Fatal("the reindexing was not cut off")
	}
	if _, err := os.Stat(filepath.Join(dir, "index", "halong.db")); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("there is no half made index")
	}
	d = openImpatient(t, dir)
	intact(t, d, all, map[dicom.UID]bool{all[3].sop: true})
	if diff := cmp.Diff(want, rows(t, d)); diff != "" {
		t.Error(diff)
	}
	closeData(t, d)
}

// cutOff ends a context at the first commit.
type cutOff struct {
	storage.Log
	cut func()
}

// Committed implements storage.Log.
func (c *cutOff) Committed() {
	c.Log.Committed()
	c.cut()
}

// An object whose blobs are gone although nobody deleted it is lost and told; it does not keep
// the same object from being stored again.
func TestLostObjectCanBeStoredAgain(t *testing.T) {
	dir := t.TempDir()
	d := openImpatient(t, dir)
	all := []object{newObject(824, 1, 2<<20, "A"), newObject(824, 2, 20<<10, "A")}
	for i := range all {
		put(t, d, &all[i])
	}
	closeData(t, d)
	if err := os.RemoveAll(filepath.Join(dir, "store", "blobs")); err != nil {
		t.Fatal(err)
	}
	done, err := app.Reindex(context.Background(), onLoopback(dir), quiet())
	if err != nil || done.Lost != 1 {
		t.Fatalf("reindex: %+v, %v; want 1 lost", done, err)
	}
	d = openImpatient(t, dir)
	intact(t, d, all, map[dicom.UID]bool{all[0].sop: true})
	put(t, d, &all[0])
	intact(t, d, all, nil)
	closeData(t, d)
}
