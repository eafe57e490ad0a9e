package storagetest

import (
	"context"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Replayer is a store that can give its journal again.
type Replayer interface {
	Store
	Replay(ctx context.Context, fn func(storage.Record) error) error
}

// Journal checks storage.Journal and storage.Log. open gives an empty store
// and closes it when the test ends.
func Journal(t *testing.T, open func(t *testing.T) Replayer) {
	t.Run("order", func(t *testing.T) { journalOrder(t, open(t)) })
	t.Run("rewind", func(t *testing.T) { journalRewind(t, open(t)) })
	t.Run("aborted", func(t *testing.T) { journalAborted(t, open(t)) })
	t.Run("kinds", func(t *testing.T) {
		s := open(t)
		for _, k := range []storage.RecordKind{0, storage.RecordBlob, storage.RecordVoid, 200} {
			if _, _, err := s.Append(nil, k, []byte("x")); halong.KindOf(err) != halong.Invalid {
				t.Errorf("kind %d: %v, want an error of kind invalid", k, err)
			}
		}
	})
}

func appendRecord(t *testing.T, s Store, parts ...string) (uint64, storage.Place) {
	t.Helper()
	var b [][]byte
	for _, p := range parts {
		b = append(b, []byte(p))
	}
	seq, p, err := s.Append(nil, storage.RecordMessage, b...)
	if err != nil {
		t.Fatal(err)
	}
	return seq, p
}

func commit(t *testing.T, s Store) {
	t.Helper()
	if _, err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Committed()
}

// replayed gives the payloads, and checks that places and numbers fit.
func replayed(t *testing.T, s Replayer) []string {
	t.Helper()
	var all []string
	last := uint64(0)
	err := s.Replay(context.Background(), func(r storage.Record) error {
		if r.Seq <= last {
			t.Errorf("number %d after %d", r.Seq, last)
		}
		last = r.Seq
		all = append(all, string(r.Payload))
		rd, err := s.Open(halong.Digest{}, r.Place)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.NewSectionReader(rd, 0, rd.Size()))
		if err != nil || string(b) != string(r.Payload) {
			t.Errorf("%q at %v, %v; want %q", b, r.Place, err, r.Payload)
		}
		return rd.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func journalOrder(t *testing.T, s Replayer) {
	var want []string
	var seqs []uint64
	for _, group := range [][]string{{"a", "b"}, {}, {""}, {"c", "d", "e"}} {
		for _, p := range group {
			seq, place := appendRecord(t, s, p, p)
			seqs = append(seqs, seq)
			want = append(want, p+p)
			if place.Length != int64(2*len(p)) {
				t.Errorf("length %d of %q", place.Length, p+p)
			}
		}
		commit(t, s)
	}
	if d := cmp.Diff([]uint64{1, 2, 3, 4, 5, 6}, seqs); d != "" {
		t.Errorf("numbers differ (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, replayed(t, s)); d != "" {
		t.Errorf("records differ (-want +got):\n%s", d)
	}
}

func journalRewind(t *testing.T, s Replayer) {
	appendRecord(t, s, "kept 1")
	m := s.Mark()
	dropped, at := appendRecord(t, s, "dropped")
	appendRecord(t, s, "dropped too")
	s.Rewind(m)
	s.Rewind(s.Mark())
	seq, place := appendRecord(t, s, "kept 2")
	if seq != dropped || place.Offset != at.Offset {
		t.Errorf("after Rewind number %d at %d, want %d at %d", seq, place.Offset, dropped, at.Offset)
	}
	commit(t, s)
	m = s.Mark()
	appendRecord(t, s, "dropped")
	s.Rewind(m)
	commit(t, s)
	if d := cmp.Diff([]string{"kept 1", "kept 2"}, replayed(t, s)); d != "" {
		t.Errorf("records differ (-want +got):\n%s", d)
	}
}

func journalAborted(t *testing.T, s Replayer) {
	want := []string{"first"}
	appendRecord(t, s, "first")
	commit(t, s)
	states := map[uint32]storage.SegmentState{}
	for _, synced := range []bool{true, false, true, true} {
		appendRecord(t, s, "aborted")
		appendRecord(t, s, "aborted")
		if synced {
			if _, err := s.Sync(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		s.Aborted()
	}
	appendRecord(t, s, "last")
	sts, err := s.Sync(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range sts {
		states[st.ID] = st
	}
	s.Committed()
	if len(states) == 0 {
		t.Error("no state told after aborted groups")
	}
	want = append(want, "last")
	if d := cmp.Diff(want, replayed(t, s)); d != "" {
		t.Errorf("records differ (-want +got):\n%s", d)
	}
	sts, err = s.Sync(context.Background())
	if err != nil || slices.ContainsFunc(sts, func(st storage.SegmentState) bool { return st == states[st.ID] }) {
		t.Errorf("states %v, %v told again", sts, err)
	}
	s.Committed()
}
