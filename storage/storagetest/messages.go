package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// MessageIndex is what the suite of messages needs of an index.
type MessageIndex interface {
	storage.MessageIndex
	halong.Updater
	storage.Events
}

// Messages runs the suite of storage.MessageIndex. open gives an empty index.
func Messages(t *testing.T, open func(t testing.TB) MessageIndex) {
	for name, f := range map[string]func(*testing.T, MessageIndex){
		"add": messagesAdd, "state": messagesState, "unprocessed": messagesUnprocessed, "attempt": messagesAttempt, "refused": messagesRefused,
	} {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
}

// message gives the n-th message.
func message(n int) *storage.Message {
	return &storage.Message{
		Facility: "BV1", Source: halong.Source{Protocol: "MLLP", Address: "10.1.2.3"}, Received: time.UnixMicro(1_700_000_000_000_000 + int64(n)).UTC(),
		Charset: "CP1258", Answers: [][]byte{[]byte("CA"), []byte("AA")}, Seq: uint64(n), Digest: halong.Digest{byte(n)},
		Key:  storage.MessageKey{Application: "LIS", Facility: "LAB", Control: fmt.Sprint("c", n)},
		Type: "ORM^O01", State: storage.MessageKept, Note: "no order", Version: 1,
		Place: storage.Place{Segment: 2, Offset: int64(n), Length: 5},
	}
}

func change(t *testing.T, x MessageIndex, f func(halong.Tx) error) {
	t.Helper()
	if err := x.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func addMessages(t *testing.T, x MessageIndex, all ...*storage.Message) (last storage.MessageAdded) {
	t.Helper()
	change(t, x, func(tx halong.Tx) (err error) {
		for _, m := range all {
			if last, err = x.AddMessage(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	return last
}

func wantMessage(t *testing.T, x MessageIndex, want *storage.Message) {
	t.Helper()
	got, err := x.Message(context.Background(), halong.Everything(), want.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// messagesAdd: the same bytes of the same sender under the same control ID are added once; other bytes are flagged.
func messagesAdd(t *testing.T, x MessageIndex) {
	m := message(1)
	if added := addMessages(t, x, m); added != (storage.MessageAdded{}) {
		t.Errorf("first: %+v", added)
	}
	again := message(1)
	again.Seq = 2
	if added := addMessages(t, x, again); !added.Duplicate {
		t.Errorf("again: %+v", added)
	}
	other := message(3)
	other.Key = m.Key
	if added := addMessages(t, x, other); added.Duplicate || !added.Repeated {
		t.Errorf("other bytes: %+v", added)
	}
	wantMessage(t, x, m)
	other.Repeated = true
	wantMessage(t, x, other)
	ctx := context.Background()
	for _, want := range []*storage.Message{m, other} {
		seq, answers, ok, err := x.Answers(ctx, want.Facility, want.Key, want.Digest)
		if seq != want.Seq || !ok || err != nil || cmp.Diff(want.Answers, answers) != "" {
			t.Errorf("answers to %d: %d %q %v %v", want.Seq, seq, answers, ok, err)
		}
	}
	if _, _, ok, err := x.Answers(ctx, "BV2", m.Key, m.Digest); ok || err != nil {
		t.Errorf("of another facility: %v %v", ok, err)
	}
	_, err := x.Message(ctx, halong.Scope{Own: "BV2"}, 1)
	wantKind(t, err, halong.NotExist)
}

// messagesState: what became of a message is seen by the transaction and, afterwards, by readers.
func messagesState(t *testing.T, x MessageIndex) {
	m := message(1)
	addMessages(t, x, m)
	m.State, m.Note, m.Version, m.Answers = storage.MessageProcessed, "odd", 7, [][]byte{[]byte("AE")}
	change(t, x, func(tx halong.Tx) error {
		if err := x.UpdateMessage(tx, m); err != nil {
			return err
		}
		got, err := x.MessageIn(tx, 1)
		if d := cmp.Diff(m, got); d != "" {
			t.Error(d)
		}
		return err
	})
	wantMessage(t, x, m)
	change(t, x, func(tx halong.Tx) error {
		wantKind(t, x.UpdateMessage(tx, message(9)), halong.NotExist)
		_, err := x.MessageIn(tx, 9)
		wantKind(t, err, halong.NotExist)
		return nil
	})
}

// messagesUnprocessed: in order of arrival, only those kept by an earlier processing.
func messagesUnprocessed(t *testing.T, x MessageIndex) {
	for n := 1; n <= 6; n++ {
		m := message(n)
		m.Version = 3 - n%3 // 2 1 3 2 1 3
		if n == 4 {
			m.State = storage.MessageProcessed
		}
		addMessages(t, x, m)
	}
	for _, c := range []struct {
		version, limit int
		after          uint64
		want           []uint64
	}{{3, 10, 0, []uint64{1, 2, 5}}, {3, 2, 0, []uint64{1, 2}}, {3, 10, 2, []uint64{5}}, {2, 10, 0, []uint64{2, 5}}, {1, 10, 0, nil}} {
		all, err := x.Unprocessed(context.Background(), c.version, c.after, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, m := range all {
			got = append(got, m.Seq)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("before %d after %d: %s", c.version, c.after, d)
		}
	}
}

// messagesAttempt: what fails within a transaction leaves nothing, and the rest is committed.
func messagesAttempt(t *testing.T, x MessageIndex) {
	failing := errors.New("as wanted")
	change(t, x, func(tx halong.Tx) error {
		try := func(n int, end func() error) error {
			return x.Attempt(tx, func() error {
				m := message(n)
				m.Facility = halong.Facility(fmt.Sprint("F", n))
				if _, err := x.AddMessage(tx, m); err != nil {
					return err
				}
				if err := x.Emit(tx, halong.Event{Type: halong.EventMessageStored, Facility: m.Facility, Time: m.Received, Payload: []byte("{}")}); err != nil {
					return err
				}
				return end()
			})
		}
		if err := try(1, func() error { return nil }); err != nil {
			t.Error(err)
		}
		if err := try(2, func() error { return failing }); !errors.Is(err, failing) {
			t.Errorf("error %v", err)
		}
		wantKind(t, try(3, func() error { panic("as wanted") }), halong.Internal)
		// The facility that the failed attempt had added is added again.
		return try(2, func() error { return nil })
	})
	ctx := context.Background()
	for n, there := range map[uint64]bool{1: true, 2: true, 3: false} {
		if _, err := x.Message(ctx, halong.Everything(), n); (err == nil) != there {
			t.Errorf("message %d: %v", n, err)
		}
	}
	events, err := x.EventsSince(ctx, 0, 100)
	if err != nil || len(events) != 2 {
		t.Errorf("%d events, error %v", len(events), err)
	}
}

// messagesRefused: what was refused lies in quarantine with its reason.
func messagesRefused(t *testing.T, x MessageIndex) {
	m := message(1)
	m.Reason, m.State = "no MSH", storage.MessageRefused
	change(t, x, func(tx halong.Tx) error { return x.AddRefused(tx, m) })
	ctx := context.Background()
	if known, err := x.HasRefused(ctx, "BV1", m.Digest); !known || err != nil {
		t.Errorf("known %v, error %v", known, err)
	}
	if known, err := x.HasRefused(ctx, "BV1", halong.Digest{9}); known || err != nil {
		t.Errorf("another: known %v, error %v", known, err)
	}
	n := 0
	for got, err := range x.Refused(ctx, halong.Everything()) {
		if n++; err != nil || got.Reason != m.Reason || got.Place != m.Place {
			t.Errorf("%+v, error %v", got, err)
		}
	}
	if n != 1 {
		t.Errorf("%d refused", n)
	}
}
