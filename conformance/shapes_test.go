package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// withElements makes an object of small pixels and further elements.
func withElements(study, instance int, more ...dataset.Element) object {
	o := newObject(study, instance, 64, "SHAPES")
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.Parse(o.data, ts, dataset.Limits{})
	if err != nil {
		panic(err) // our own object
	}
	for _, e := range more {
		s.Put(e)
	}
	o.data = s.Append(nil, ts)
	return o
}

// largeHead makes an object as enhanced multi-frame ones are: a functional groups sequence of about size bytes,
// none of which is bulk data.
func largeHead(study, instance, size int) object {
	groups := dataset.Element{Tag: tag.PerFrameFunctionalGroupsSequence, VR: dicom.SQ}
	for n := 0; n < size; n += 110 {
		plane, item := &dataset.Set{}, &dataset.Set{}
		plane.PutString(tag.ImagePositionPatient, dicom.DS, fmt.Sprintf("-%d.%06d", study, instance), "-120.123456", fmt.Sprintf("%d.5", n))
		item.Put(dataset.Element{Tag: tag.PlanePositionSequence, VR: dicom.SQ, Items: []*dataset.Set{plane}})
		content := &dataset.Set{}
		content.PutString(tag.FrameAcquisitionDateTime, dicom.DT, "20261121100000.123456")
		item.Put(dataset.Element{Tag: tag.FrameContentSequence, VR: dicom.SQ, Items: []*dataset.Set{content}})
		groups.Items = append(groups.Items, item)
	}
	return withElements(study, instance, groups)
}

// manyBulk makes an object with n bulk values of size bytes, all different.
func manyBulk(study, instance, n, size int) object {
	all := []dataset.Element{{Tag: 0x00090010, VR: dicom.LO, Value: []byte("HALONG TEST ")}}
	for i := range n {
		value := storagetest.Random(uint64(study<<16+instance<<8+i), size)
		all = append(all, dataset.Element{Tag: dicom.Tag(0x00091000 + i), VR: dicom.OB, Value: value})
	}
	return withElements(study, instance, all...)
}

// A head larger than what is kept in memory, and more bulk values than are: stored, found again bit for
// bit, also after reindexing, and collected after they were deleted.
func TestUnusualShapes(t *testing.T) {
	dir := t.TempDir()
	d := openImpatient(t, dir)
	all := []object{largeHead(850, 1, 3<<20), manyBulk(850, 2, 200, 20<<10), largeHead(850, 3, 1100<<10), manyBulk(850, 4, 6, 1500<<10)}
	if n := len(all[0].data); n < 3<<20 {
		t.Fatalf("the large head is of %d bytes", n)
	}
	for range 2 { // the second time all are duplicates
		for i := range all {
			put(t, d, &all[i])
		}
	}
	in := instance(t, d, &all[0])
	if len(in.Manifest.Bulk) != 0 || in.Manifest.HeadLength < 3<<20 || in.Head.Segment != 0 {
		t.Errorf("the head is of %d bytes in segment %d beside %d bulk values", in.Manifest.HeadLength, in.Head.Segment, len(in.Manifest.Bulk))
	}
	if n := len(instance(t, d, &all[1]).Manifest.Bulk); n != 200 {
		t.Errorf("%d bulk values, want 200", n)
	}
	intact(t, d, all, nil)
	want := fmt.Sprint(rows(t, d))
	closeData(t, d)
	if done, err := app.Reindex(context.Background(), onLoopback(dir), quiet()); err != nil || done.Lost > 0 {
		t.Fatalf("reindex: %+v, %v", done, err)
	}
	d = openImpatient(t, dir)
	intact(t, d, all, nil)
	if fmt.Sprint(rows(t, d)) != want {
		t.Error("other answers after reindexing")
	}
	dropped := map[dicom.UID]bool{}
	for i := range all {
		drop(t, d, &all[i])
		dropped[all[i].sop] = true
	}
	if r := reclaim(t, d); r.Blobs != 208 {
		t.Errorf("%d blobs removed, want 208", r.Blobs)
	}
	reclaim(t, d)
	if n := diskUse(t, filepath.Join(dir, "store", "blobs")); n != 0 {
		t.Errorf("%d bytes left in files of their own", n)
	}
	intact(t, d, all, dropped)
	closeData(t, d)
	// The records of what was deleted and collected come and go in a replay.
	if err := os.RemoveAll(filepath.Join(dir, "index")); err != nil {
		t.Fatal(err)
	}
	d = openImpatient(t, dir)
	intact(t, d, all, dropped)
	for i := range all {
		put(t, d, &all[i])
	}
	intact(t, d, all, nil)
	closeData(t, d)
}

func instance(t testing.TB, d *app.Data, o *object) *storage.Instance {
	t.Helper()
	for in, err := range d.Archive.Instances(context.Background(), halong.Everything(), ref(o)) {
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	t.Fatalf("%s is not there", o.sop)
	return nil
}

// meeting is a body whose second half comes when all others are as far, or after a while.
type meeting struct {
	io.Reader
	left    int
	arrived func()
	all     <-chan struct{}
}

// Read implements io.Reader.
func (m *meeting) Read(p []byte) (int, error) {
	if m.left == 0 {
		m.arrived()
		<-m.all
	}
	if m.left > 0 && len(p) > m.left {
		p = p[:m.left]
	}
	n, err := m.Reader.Read(p)
	m.left -= n
	return n, err
}

// 130 of such objects at once, all half way at the same time, go through the
// budget for arriving bytes without waiting for one another for ever.
func TestUnusualShapesAtOnce(t *testing.T) {
	const objects, slots = 130, 128 // as many arrive at once; the others wait
	d := openData(t, t.TempDir())
	defer closeData(t, d)
	all := make([]object, objects)
	for i := range all {
		if i%2 == 0 {
			all[i] = largeHead(851, i, 1200<<10)
		} else {
			all[i] = manyBulk(851, i, 60, 20<<10)
		}
	}
	var half sync.WaitGroup
	half.Add(slots)
	met := make(chan struct{})
	began := time.Now()
	go func() {
		half.Wait()
		t.Logf("%d objects half way after %v", slots, time.Since(began).Round(time.Millisecond))
		close(met)
	}()
	places := make(chan struct{}, slots)
	for range slots {
		places <- struct{}{}
	}
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			body := &meeting{Reader: bytes.NewReader(all[i].data), left: len(all[i].data) / 2, all: met, arrived: func() {
				select {
				case <-places:
					half.Done()
				default: // one of those that came later
				}
			}}
			_, err := d.Archive.Store(context.Background(), storage.Inbound{
				Facility: halong.DefaultFacility, Source: halong.Source{Protocol: "import"},
				TransferSyntax: dicom.ExplicitVRLittleEndian, Body: body,
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Minute):
		t.Fatal("they wait for one another")
	}
	t.Logf("all stored after %v", time.Since(began).Round(time.Millisecond))
	for i := range all {
		if b, err := fetch(d, &all[i]); err != nil || !bytes.Equal(b, all[i].data) {
			t.Errorf("%s: %d bytes, want %d; error %v", all[i].sop, len(b), len(all[i].data), err)
		}
	}
}
