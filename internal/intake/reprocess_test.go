package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/storage"
)

// family is a handler for tests, of messages of type ZZZ.
type family struct {
	in     *Intake
	answer func(*hl7v2.Ack)
	do     func(tx halong.Tx, m *storage.Message) (Applied, error)
}

func (f *family) Handle(tx halong.Tx, m *storage.Message, h *hl7v2.Message) (Applied, error) {
	if f.do != nil {
		return f.do(tx, m)
	}
	return Applied{Answer: f.answer}, f.in.emit(tx, halong.EventOrderStored, m, map[string]any{"message": m.Seq, "pid": h.Get("PID-3.1")})
}

func zzz(n int) string {
	return fmt.Sprintf("MSH|^~\\&|LIS|LAB|||20261122||ZZZ^Z01|c%d|P|2.5\rPID|||%d\r", n, n)
}

func (w *world) state(seq uint64) string {
	w.t.Helper()
	m, err := w.db.Message(context.Background(), halong.Everything(), seq)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %d %s", m.State, m.Version, m.Note))
}

// told gives the types of events, with the message that each is about, in order.
func (w *world) told() (all []string) {
	w.t.Helper()
	events, err := w.db.EventsSince(context.Background(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range events {
		n, _, _ := strings.Cut(strings.TrimPrefix(string(e.Payload), `{"message":`), ",")
		all = append(all, string(e.Type)+" "+n)
	}
	return all
}

// TestReprocess: messages that were only kept are processed when a handler for them exists, in order of arrival and
// once; reindex gives the same.
func TestReprocess(t *testing.T) {
	w := newWorld(t)
	for n := 1; n <= 3; n++ {
		if got := msas(w.send(zzz(n))); got != fmt.Sprint("AA c", n) {
			t.Fatalf("answered %s", got)
		}
	}
	if got := w.state(1); got != "kept 1" {
		t.Errorf("state %q", got)
	}
	w.in.table["ZZZ^Z01"] = &family{in: w.in}
	ctx := context.Background()
	m, err := w.in.Reprocess(ctx, halong.Everything(), 2)
	if err != nil || m.State != storage.MessageProcessed {
		t.Fatalf("%+v, error %v", m, err)
	}
	if m, err = w.in.Reprocess(ctx, halong.Everything(), 2); err != nil || m.State != storage.MessageProcessed {
		t.Fatalf("again: %+v, error %v", m, err)
	}
	if _, err := w.in.Reprocess(ctx, halong.Scope{Own: "elsewhere"}, 1); halong.KindOf(err) != halong.NotExist {
		t.Errorf("of another facility: %v", err)
	}
	// The next version of the program finds the others when it starts.
	w.in.version++
	if n, err := w.in.CatchUp(ctx); n != 2 || err != nil {
		t.Fatalf("%d caught up, error %v", n, err)
	}
	if n, err := w.in.CatchUp(ctx); n != 0 || err != nil {
		t.Fatalf("again: %d caught up, error %v", n, err)
	}
	want := []string{
		"message.stored 1", "message.stored 2", "message.stored 3", "order.stored 2", "message.reprocessed 2",
		"order.stored 1", "message.reprocessed 1", "order.stored 3", "message.reprocessed 3",
	}
	if d := cmp.Diff(want, w.told()); d != "" {
		t.Error(d)
	}
	w.reindexWith(func() { w.in.table["ZZZ^Z01"] = &family{in: w.in} })
	if d := cmp.Diff([]string{"processed 1", "processed 1", "processed 1"}, []string{w.state(1), w.state(2), w.state(3)}); d != "" {
		t.Error("after reindex: ", d)
	}
	// Processed at their arrival now: the records of reprocessing find nothing left to do.
	want = []string{"order.stored 1", "message.stored 1", "order.stored 2", "message.stored 2", "order.stored 3", "message.stored 3"}
	if d := cmp.Diff(want, w.told()); d != "" {
		t.Error("after reindex: ", d)
	}
}

// TestReprocessLater: what could be processed only after something else had come is so after reindex too.
func TestReprocessLater(t *testing.T) {
	w := newWorld(t)
	needs := func() *family {
		return &family{do: func(tx halong.Tx, m *storage.Message) (Applied, error) {
			if m.Key.Control == "c1" {
				if _, err := w.db.MessageIn(tx, 2); err != nil {
					return Applied{Note: "its order is not known"}, nil
				}
			}
			return Applied{Remark: "late"}, nil
		}}
	}
	w.in.table["ZZZ^Z01"] = needs()
	w.send(zzz(1))
	w.send(zzz(2))
	if got := w.state(1); got != "kept 1 its order is not known" {
		t.Errorf("state %q", got)
	}
	if _, err := w.in.Reprocess(context.Background(), halong.Everything(), 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := w.state(1) + ", " + w.state(2); got != "processed 1 late, processed 1 late" {
			t.Errorf("states %q", got)
		}
		w.reindexWith(func() { w.in.table["ZZZ^Z01"] = needs() })
	}
}

// TestDefects: a handler that panics, and content that cannot be processed, cost neither the message nor what else is in
// the transaction; a store that fails does.
func TestDefects(t *testing.T) {
	w := newWorld(t)
	f := &family{in: w.in}
	w.in.table["ZZZ^Z01"] = f
	for i, c := range []struct {
		end  func() error
		want string // the answer, and the state
	}{
		{func() error { panic("Nguyen Van A") }, "AA kept 1 processing failed with a string"},
		{func() error { return halong.E("orders.Put", halong.Invalid, "Nguyen Van A", nil) }, "AA kept 1 orders.Put: invalid"},
		{func() error { return halong.E("orders.Put", halong.Transient, "", nil) }, "AR"},
	} {
		f.do = func(tx halong.Tx, m *storage.Message) (Applied, error) {
			if err := w.in.emit(tx, halong.EventOrderStored, m, map[string]any{"message": m.Seq}); err != nil {
				return Applied{}, err
			}
			return Applied{}, c.end()
		}
		code, _, _ := strings.Cut(msas(w.send(zzz(i+1))), " ")
		if got := code; code == "AA" {
			if got += " " + w.state(uint64(i+1)); got != c.want {
				t.Errorf("%d: %s, want %s", i, got, c.want)
			}
		} else if got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
	if d := cmp.Diff([]string{"message.stored 1", "message.stored 2"}, w.told()); d != "" {
		t.Error(d)
	}
}

// TestCatchUpGoesOn: a message whose bytes cannot be read any more does not keep the others, or the program, from going on.
func TestCatchUpGoesOn(t *testing.T) {
	w := newWorld(t)
	for n := 1; n <= 3; n++ {
		w.send(zzz(n))
	}
	w.in.table["ZZZ^Z01"] = &family{in: w.in}
	w.in.version++
	w.in.cfg.Blobs = without{w.disk, 2}
	if n, err := w.in.CatchUp(context.Background()); n != 2 || err != nil {
		t.Fatalf("%d caught up, error %v", n, err)
	}
	want := []string{"processed 2", "kept 2 processing later failed: corrupt", "processed 2"}
	if d := cmp.Diff(want, []string{w.state(1), w.state(2), w.state(3)}); d != "" {
		t.Error(d)
	}
	if n, err := w.in.CatchUp(context.Background()); n != 0 || err != nil {
		t.Fatalf("again: %d caught up, error %v", n, err)
	}
}

// without has lost the n-th message.
type without struct {
	Blobs
	n int
}

func (b without) Open(d halong.Digest, p storage.Place) (storage.BlobReader, error) {
	if d == halong.Digest(sha256.Sum256([]byte(zzz(b.n)))) {
		return nil, halong.E("disk.Open", halong.Corrupt, "", nil)
	}
	return b.Blobs.Open(d, p)
}

// TestReplayKeepsWhatFails: what was acknowledged survives a handler that fails when the index is made again.
func TestReplayKeepsWhatFails(t *testing.T) {
	w := newWorld(t)
	w.in.table["ZZZ^Z01"] = &family{in: w.in}
	w.send(zzz(1))
	if got := w.state(1); got != "processed 1" {
		t.Errorf("state %q", got)
	}
	w.reindexWith(func() {
		w.in.table["ZZZ^Z01"] = &family{do: func(halong.Tx, *storage.Message) (Applied, error) {
			return Applied{}, halong.E("orders.Put", halong.Internal, "", nil)
		}}
	})
	if got := w.state(1); got != "kept 1 orders.Put: internal" {
		t.Errorf("state %q", got)
	}
}

// Versions of a report whose messages were processed in another order than they came have numbers of their own.
func TestVersionsProcessedLater(t *testing.T) {
	w := newWorld(t)
	does := w.in.table["ORU^R01"]
	delete(w.in.table, "ORU^R01")
	w.send(oru("1", "202611210900", "p", "F1", "P", "HGB|140|P"))
	w.in.table["ORU^R01"] = does
	w.send(oru("2", "202611211000", "p", "F1", "F", "HGB|141|F"))
	if _, err := w.in.Reprocess(context.Background(), halong.Everything(), 1); err != nil {
		t.Fatal(err)
	}
	w.send(oru("3", "202611211100", "p", "F1", "C", "HGB|142|C"))
	for range 2 {
		var got []int
		for _, v := range w.results("p", "?history=true").Patients[0].Reports[0].History {
			got = append(got, v.Version)
		}
		slices.Sort(got)
		if d := cmp.Diff([]int{1, 2, 3}, got); d != "" {
			t.Error(d)
		}
		w.reindex()
	}
}
