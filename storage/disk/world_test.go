package disk_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// index is what an index would durably know.
type index struct {
	states  map[uint32]storage.SegmentState
	records map[uint64]storage.Place
	blobs   map[halong.Digest]storage.Place
}

func (x index) clone() index {
	return index{maps.Clone(x.states), maps.Clone(x.records), maps.Clone(x.blobs)}
}

func (x index) list() []storage.SegmentState {
	var all []storage.SegmentState
	for _, st := range x.states {
		all = append(all, st)
	}
	return all
}

// object is one record with one blob.
type object struct {
	seq     uint64
	payload []byte
	digest  halong.Digest
}

// moment is a commit or an answer, at a place in the write log.
type moment struct {
	at    int
	index index
	acked []object
}

// world runs a workload over a simulated file system and remembers what was
// committed and answered when.
type world struct {
	sim     *disktest.Sim
	fs      disk.FS
	s       *disk.Store
	index   index
	acked   []object
	history []moment
	n       uint64 // of the last blob
	last    int    // its size
	rng     *rand.Rand
}

func smallOptions(fs disk.FS) disk.Options {
	return disk.Options{FS: fs, SegmentSize: 1500, Ahead: 512, BulkSize: 40 << 10, Inline: 8 << 10, Reserve: -1, NoDirect: true, Budget: 8 << 20, CompactAge: -1}
}

func newWorld(seed uint64, before func(disktest.Op) error) (*world, error) {
	sim := disktest.NewSim()
	w := &world{sim: sim, fs: sim, rng: rand.New(rand.NewPCG(seed, 1)), index: index{
		states: map[uint32]storage.SegmentState{}, records: map[uint64]storage.Place{}, blobs: map[halong.Digest]storage.Place{},
	}}
	if before != nil {
		w.fs = disktest.Hook(sim, before)
	}
	w.remember()
	s, err := disk.Open("/data", smallOptions(w.fs))
	w.s = s
	return w, err
}

func (w *world) remember() {
	w.history = append(w.history, moment{at: w.sim.Changes(), index: w.index.clone(), acked: w.acked})
}

// place stores one blob and gives the object that refers to it.
func (w *world) place(size int) (object, storage.BlobWriter, storage.Place, error) {
	w.n, w.last = w.n+1, size
	b := storagetest.Random(w.n, size)
	bw, err := w.s.Create(context.Background(), storage.BlobHint{Size: int64(size)})
	if err != nil {
		return object{}, nil, storage.Place{}, err
	}
	_, err = io.Copy(bw, bytes.NewReader(b))
	info, ferr := bw.Finish()
	if err = errors.Join(err, ferr); err != nil {
		return object{}, bw, storage.Place{}, err
	}
	p, err := bw.Place()
	payload := binary.LittleEndian.AppendUint64(bytes.Clone(info.Digest[:]), w.n)
	payload = append(payload, make([]byte, w.rng.IntN(200))...)
	return object{digest: info.Digest, payload: payload}, bw, p, err
}

func (w *world) size() int {
	switch w.rng.IntN(6) {
	case 0:
		return 80_000 + w.rng.IntN(9000) // a file of its own
	case 1:
		return 0
	}
	return w.rng.IntN(8 << 10)
}

// group stores up to four objects in one commit; abort lets the index fail.
func (w *world) group(abort bool) error {
	sizes := make([]int, w.rng.IntN(4))
	for i := range sizes {
		sizes[i] = w.size()
	}
	return w.store(abort, sizes...)
}

// store stores objects with blobs of these sizes in one commit.
func (w *world) store(abort bool, sizes ...int) error {
	next := w.index.clone()
	var objects []object
	for _, size := range sizes {
		o, bw, p, err := w.place(size)
		if bw != nil {
			defer func() { _ = bw.Close() }()
		}
		if err != nil {
			w.s.Aborted()
			return err
		}
		mark := w.s.Mark()
		seq, at, err := w.s.Append(nil, storage.RecordObject, o.payload[:32], o.payload[32:])
		if err != nil {
			w.s.Aborted()
			return err
		}
		if w.rng.IntN(5) == 0 {
			w.s.Rewind(mark)
			continue
		}
		o.seq = seq
		objects = append(objects, o)
		next.records[seq], next.blobs[o.digest] = at, p
	}
	states, err := w.s.Sync(context.Background())
	if err != nil || abort {
		w.s.Aborted()
		return err
	}
	w.commit(next, states)
	w.acked = append(w.acked[:len(w.acked):len(w.acked)], objects...)
	w.remember()
	return nil
}

func (w *world) commit(next index, states []storage.SegmentState) {
	for _, st := range states {
		next.states[st.ID] = st
	}
	w.index = next
	w.remember()
	w.s.Committed()
}

// workload runs n random steps.
func (w *world) workload(n int) error {
	for range n {
		switch w.rng.IntN(8) {
		case 0: // received, never committed
			_, bw, _, err := w.place(w.size())
			if bw != nil {
				err = errors.Join(err, bw.Close())
			}
			if err != nil {
				return err
			}
		case 1:
			if err := w.group(true); err != nil {
				return err
			}
		default:
			if err := w.group(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// at gives what was committed and answered when the log had n entries.
func (w *world) at(n int) moment {
	m := moment{index: w.history[0].index}
	for _, h := range w.history {
		if h.at <= n {
			m = h
		}
	}
	return m
}

// restart opens a store after a crash, applies the tail and commits it.
func restart(fs disk.FS, x index) (*disk.Store, index, error) {
	s, err := disk.Open("/data", smallOptions(fs))
	if err != nil {
		return nil, x, err
	}
	x = x.clone()
	if err := applyTail(s, &x); err != nil {
		return nil, x, errors.Join(err, s.Close())
	}
	return s, x, nil
}

func applyTail(s *disk.Store, x *index) error {
	ctx := context.Background()
	tail, err := s.Recover(ctx, x.list())
	if err != nil {
		return err
	}
	for r, err := range tail.Records(ctx) {
		if err != nil {
			return err
		}
		d := halong.Digest(r.Payload[:32])
		_, p, ok, err := tail.Blob(ctx, d)
		if err != nil {
			return err
		}
		if !ok || s.Rehash(ctx, d, p) != nil {
			tail.Void(r.Seq)
			continue
		}
		x.records[r.Seq], x.blobs[d] = r.Place, p
	}
	tail.Done()
	states, err := s.Sync(ctx)
	if err != nil {
		return err
	}
	for _, st := range states {
		x.states[st.ID] = st
	}
	s.Committed()
	return nil
}

// check tells what of the acknowledged set is not there.
func check(s *disk.Store, x index, acked []object) error {
	ctx := context.Background()
	for _, o := range acked {
		p, ok := x.records[o.seq]
		if !ok {
			return fmt.Errorf("record %d is not in the index", o.seq)
		}
		b, err := readPlace(s, halong.Digest{}, p)
		if err != nil {
			return fmt.Errorf("record %d: %w", o.seq, err)
		}
		if !bytes.Equal(b, o.payload) {
			return fmt.Errorf("record %d has other bytes", o.seq)
		}
		if err := s.Rehash(ctx, o.digest, x.blobs[o.digest]); err != nil {
			return fmt.Errorf("blob of record %d: %w", o.seq, err)
		}
	}
	return checkReplay(s, x)
}

// checkReplay tells whether the journal holds what the index does.
func checkReplay(s *disk.Store, x index) error {
	left := maps.Clone(x.records)
	err := s.Replay(context.Background(), func(r storage.Record) error {
		if left[r.Seq] != r.Place {
			return fmt.Errorf("record %d at %v is not in the index, or at %v", r.Seq, r.Place, left[r.Seq])
		}
		delete(left, r.Seq)
		return nil
	})
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d records of the index are not in the journal", len(left))
	}
	return err
}

func readPlace(s *disk.Store, d halong.Digest, p storage.Place) ([]byte, error) {
	r, err := s.Open(d, p)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	return b, errors.Join(err, r.Close())
}
