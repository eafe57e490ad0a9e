package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
)

// impatient are parts of a gateway that gives space back at once, and has small segments.
func impatient() app.Parts {
	return app.Parts{Disk: disk.Options{BulkSize: 400 << 10, SegmentSize: 64 << 10, CompactAge: -1, Reserve: -1}, Grace: 1}
}

func openImpatient(t testing.TB, dir string) *app.Data {
	t.Helper()
	d, err := app.OpenData(context.Background(), onLoopback(dir), quiet(), impatient())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// put stores an object straight into the archive.
func put(t testing.TB, d *app.Data, o *object) {
	t.Helper()
	if err := try(d, o); err != nil {
		t.Fatal(err)
	}
}

func try(d *app.Data, o *object) error {
	_, err := d.Archive.Store(context.Background(), storage.Inbound{
		Facility: halong.DefaultFacility, Source: halong.Source{Protocol: "import"},
		TransferSyntax: dicom.ExplicitVRLittleEndian, Body: bytes.NewReader(o.data),
	})
	return err
}

func ref(o *object) storage.Ref { return storage.Ref{Study: o.study, Series: o.series, SOP: o.sop} }

func drop(t testing.TB, d *app.Data, o *object) {
	t.Helper()
	by := halong.Source{Protocol: "command"}
	made, err := d.Archive.Delete(context.Background(), storage.Deletion{Scope: halong.Everything(), Ref: ref(o), Reason: "test", By: by})
	if err != nil || len(made) != 1 || made[0].Hidden != 1 {
		t.Fatalf("delete: %+v, %v", made, err)
	}
	if _, err := d.Archive.Purge(context.Background(), halong.Everything(), made[0].ID, by); err != nil {
		t.Fatal(err)
	}
}

// fetch gives the bytes of an object, nil if there is none.
func fetch(d *app.Data, o *object) ([]byte, error) {
	for in, err := range d.Archive.Instances(context.Background(), halong.Everything(), ref(o)) {
		if err != nil {
			return nil, err
		}
		x, err := d.Archive.Open(context.Background(), in)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(x.DataSet())
		return b, errors.Join(err, x.Close())
	}
	return nil, nil
}

// intact checks that of all objects those that are not dropped are there, bit for bit, that the others are
// not, and that verify has nothing to say.
func intact(t testing.TB, d *app.Data, all []object, dropped map[dicom.UID]bool) {
	t.Helper()
	for i := range all {
		b, err := fetch(d, &all[i])
		want := all[i].data
		if dropped[all[i].sop] {
			want = nil
		}
		if err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %d bytes, want %d; error %v", all[i].sop, len(b), len(want), err)
		}
	}
	if r, err := d.Verify(context.Background(), nil); err != nil || len(r.Damage) > 0 {
		t.Errorf("verify: %v %v", r.Damage, err)
	}
}

func reclaim(t testing.TB, d *app.Data) app.Reclaimed {
	t.Helper()
	time.Sleep(time.Millisecond) // the grace time
	r, err := d.Reclaim(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mixed makes n objects: pixels in the head, in a segment, and now and then in a file of their own.
func mixed(study, n int) (all []object) {
	for i := range n {
		size := 30<<10 + 64*i
		switch i % 10 {
		case 3:
			size = 1500<<10 + 64*i
		case 7:
			size = 2 << 10
		}
		all = append(all, newObject(study, i+1, size, "RECLAIM"))
	}
	return all
}

// diskUse gives the bytes of all files below a folder.
func diskUse(t testing.TB, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, ierr := e.Info(); ierr == nil { // it may have gone
				n += info.Size()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What is deleted gives its space back, from files and from segments, while others read and write, and
// nobody notices. What is garbage is known after a restart too.
func TestReclaimWhileInUse(t *testing.T) {
	dir := t.TempDir()
	d := openImpatient(t, dir)
	all := mixed(810, 60)
	for i := range all {
		put(t, d, &all[i])
	}
	dropped := map[dicom.UID]bool{}
	var kept []object
	for i := range all {
		if i%3 == 0 {
			kept = append(kept, all[i])
			continue
		}
		drop(t, d, &all[i])
		dropped[all[i].sop] = true
	}
	closeData(t, d)
	d = openImpatient(t, dir)
	before := diskUse(t, filepath.Join(dir, "store"))

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			for i := worker; ctx.Err() == nil; i++ {
				o := &kept[i%len(kept)]
				if b, err := fetch(d, o); err != nil || !bytes.Equal(b, o.data) {
					t.Errorf("a reader saw %d bytes, want %d; error %v", len(b), len(o.data), err)
				}
			}
		})
	}
	later := mixed(811, 20)
	wg.Go(func() {
		for i := range later {
			if err := try(d, &later[i]); err != nil {
				t.Error(err)
			}
		}
	})
	r := reclaim(t, d)
	for range 5 {
		more := reclaim(t, d) // what was read at the time
		r.Blobs, r.Segments = r.Blobs+more.Blobs, r.Segments+more.Segments
	}
	cancel()
	wg.Wait()
	t.Logf("%+v", r)
	if r.Blobs != 36 || r.Segments < 2 {
		t.Errorf("%d blobs and %d segments, want 36 and several", r.Blobs, r.Segments)
	}
	all = append(all, later...)
	intact(t, d, all, dropped)
	closeData(t, d)
	d = openImpatient(t, dir)
	intact(t, d, all, dropped)
	var fresh int64
	for i := range later {
		fresh += int64(len(later[i].data))
	}
	if after := diskUse(t, filepath.Join(dir, "store")) - fresh; after > before*6/10 {
		t.Errorf("%d bytes, and %d before", after, before)
	}
	closeData(t, d)
	done, err := app.Reindex(context.Background(), onLoopback(dir), quiet())
	if err != nil || done.Lost != 0 {
		t.Errorf("reindex: %+v, %v", done, err)
	}
	d = openImpatient(t, dir)
	intact(t, d, all, dropped)
	closeData(t, d)
}

// A blob that is read while it should go is passed over, holds nothing up, and goes the next time.
func TestCollectPassesOverWhatIsRead(t *testing.T) {
	d := openImpatient(t, t.TempDir())
	defer closeData(t, d)
	large, other := newObject(812, 1, 2<<20, "A"), newObject(812, 2, 3<<20, "B")
	put(t, d, &large)
	put(t, d, &other)
	var open *storage.Object
	for in, err := range d.Archive.Instances(context.Background(), halong.Everything(), ref(&large)) {
		if err == nil {
			open, err = d.Archive.Open(context.Background(), in)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	drop(t, d, &large)
	drop(t, d, &other)
	if r := reclaim(t, d); r.Blobs != 1 {
		t.Errorf("%d blobs removed, want the one that is not read", r.Blobs)
	}
	if b, err := io.ReadAll(open.DataSet()); err != nil || !bytes.Equal(b, large.data) {
		t.Errorf("the reader got %d bytes, error %v", len(b), err)
	}
	put(t, d, &large) // comes back, although marked
	if err := open.Close(); err != nil {
		t.Fatal(err)
	}
	if r := reclaim(t, d); r.Blobs != 0 {
		t.Errorf("%d blobs removed, but the object was stored again", r.Blobs)
	}
	intact(t, d, []object{large}, nil)
	drop(t, d, &large)
	if r := reclaim(t, d); r.Blobs != 1 {
		t.Errorf("%d blobs removed, want 1", r.Blobs)
	}
}

// broken is a store with which a collection ends at some point, as in a crash.
type broken struct {
	*disk.Store
	at     string
	cancel func()
}

var errCrash = errors.New("crash")

func (b broken) RaiseGeneration(g uint64) error {
	if b.at == "marked" {
		return errCrash
	}
	return b.Store.RaiseGeneration(g)
}

func (b broken) RemoveBlob(d halong.Digest, p storage.Place, still func() (bool, error)) error {
	switch b.at {
	case "raised":
		b.cancel()
		return errCrash
	case "removed":
		defer b.cancel()
	}
	return b.Store.RemoveBlob(d, p, still)
}

// A collection that a crash cuts off anywhere is finished by the next one, and
// a blob that is stored again before is alive and has its bytes.
func TestCollectionCutOff(t *testing.T) {
	for _, at := range []string{"marked", "raised", "removed"} {
		for _, again := range []string{"", "at once", "after the restart"} {
			t.Run(fmt.Sprintf("%s, stored again %s", at, again), func(t *testing.T) {
				dir := t.TempDir()
				d := openImpatient(t, dir)
				all := []object{newObject(813, 1, 2<<20, "A"), newObject(813, 2, 40<<10, "A"), newObject(813, 3, 40<<10, "A")}
				for i := range all {
					put(t, d, &all[i])
				}
				drop(t, d, &all[0])
				drop(t, d, &all[1])
				time.Sleep(time.Millisecond)
				ctx, cancel := context.WithCancel(context.Background())
				if _, err := d.Archive.Collect(ctx, broken{d.Store, at, cancel}); err == nil {
					t.Fatal("the collection did not break off")
				}
				cancel()
				dropped := map[dicom.UID]bool{all[0].sop: true, all[1].sop: true}
				restore := func() {
					for i := range all[:2] {
						put(t, d, &all[i])
					}
					dropped = nil
				}
				if again == "at once" {
					restore()
				}
				intact(t, d, all, dropped)
				closeData(t, d)
				d = openImpatient(t, dir)
				if again == "after the restart" {
					restore()
				}
				intact(t, d, all, dropped)
				r := reclaim(t, d)
				if again == "" && r.Blobs != 2 {
					t.Errorf("%d blobs removed, want the 2 left", r.Blobs)
				}
				intact(t, d, all, dropped)
				closeData(t, d)
				d = openImpatient(t, dir)
				intact(t, d, all, dropped)
				if rows, err := d.Index.Unreferenced(context.Background(), time.Now().Add(time.Hour), 10); err != nil || len(rows) != 0 {
					t.Errorf("left over: %v, %v", rows, err)
				}
				closeData(t, d)
			})
		}
	}
}

// While an object with many bulk values is arriving, what of it is in place already is held by nobody. If
// a collection or a compaction takes it, the sender is told to come again; nothing is acknowledged without its bytes.
func TestReclaimBetweenPartsOfAnObject(t *testing.T) {
	for _, c := range []struct {
		name string
		o    object
	}{{"files", manyBulk(814, 1, 8, 1500<<10)}, {"segments", manyBulk(814, 2, 60, 30<<10)}} {
		for _, before := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stored before %v", c.name, before), func(t *testing.T) {
				d := openImpatient(t, t.TempDir())
				defer closeData(t, d)
				if before {
					put(t, d, &c.o)
					drop(t, d, &c.o)
				}
				half, on := make(chan struct{}), make(chan struct{})
				body := &meeting{
					Reader: bytes.NewReader(c.o.data), left: len(c.o.data) * 9 / 10, all: on,
					arrived: sync.OnceFunc(func() { close(half) }),
				}
				result := make(chan error, 1)
				go func() {
					_, err := d.Archive.Store(context.Background(), storage.Inbound{
						Facility: halong.DefaultFacility, Source: halong.Source{Protocol: "import"},
						TransferSyntax: dicom.ExplicitVRLittleEndian, Body: body,
					})
					result <- err
				}()
				<-half
				r := reclaim(t, d)
				close(on)
				err := <-result
				t.Logf("%+v, then %v", r, err)
				if err != nil && halong.KindOf(err) != halong.Transient {
					t.Errorf("error %v, want none or one of kind transient", err)
				}
				intact(t, d, []object{c.o}, map[dicom.UID]bool{c.o.sop: err != nil})
				put(t, d, &c.o)
				reclaim(t, d)
				intact(t, d, []object{c.o}, nil)
			})
		}
	}
}
