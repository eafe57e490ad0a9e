package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

var errWanted = errors.New("as wanted")

// indexUpdate: a failing or panicking caller leaves no trace and harms nobody.
func indexUpdate(t *testing.T, x storage.Index) {
	const callers = 120
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			errs[i] = x.Update(context.Background(), func(tx halong.Tx) error {
				o := Object{Study: "1.2.1", Series: fmt.Sprintf("1.2.1.%d", i%4), SOP: fmt.Sprintf("1.2.1.%d.%d", i%4, i), Date: "20260101", Modality: "CT", Number: fmt.Sprint(i)}
				if _, err := x.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
					return err
				}
				if err := x.Emit(tx, halong.Event{Type: halong.EventInstanceStored, Facility: halong.DefaultFacility, Time: Arrived, Payload: []byte(o.SOP)}); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return errWanted
				case 2:
					panic("as wanted")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		switch {
		case i%3 == 0 && err != nil:
			t.Fatal(err)
		case i%3 == 1 && !errors.Is(err, errWanted):
			t.Fatalf("error %v, want the caller's own", err)
		case i%3 == 2:
			wantKind(t, err, halong.Internal)
		}
	}
	row := rows(t, x, halong.Everything(), storage.Query{Level: storage.LevelStudy})[0]
	checkCounts(t, row, 4, callers/3)
	if got := len(retrieve(t, x, halong.Everything(), storage.Ref{})); got != callers/3 {
		t.Fatalf("%d instances, want %d", got, callers/3)
	}
	events, err := x.EventsSince(context.Background(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != callers/3 {
		t.Fatalf("%d events, want %d", len(events), callers/3)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wantKind(t, x.Update(ctx, func(halong.Tx) error { return nil }), halong.Transient)
	var kept halong.Tx
	update(t, x, func(tx halong.Tx) error { kept = tx; return nil })
	wantKind(t, x.Emit(kept, halong.Event{}), halong.Internal)
	wantKind(t, x.Emit(nil, halong.Event{}), halong.Internal)
}

// indexEvents: numbers are dense, in the order of commit, and pages of them join.
func indexEvents(t *testing.T, x storage.Index) {
	var want []string
	for i := range 10 {
		update(t, x, func(tx halong.Tx) error {
			for j := range 3 {
				payload := fmt.Sprintf(`{"n": %d}`, 3*i+j)
				want = append(want, payload)
				if err := x.Emit(tx, halong.Event{Type: halong.EventMessageStored, Facility: "BV1", Time: Arrived, Payload: []byte(payload)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var got []string
	var seq uint64
	chains := map[halong.Digest]bool{}
	for {
		page, err := x.EventsSince(context.Background(), seq, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.Seq != seq+1 {
				t.Fatalf("event %d after %d", e.Seq, seq)
			}
			if e.Type != halong.EventMessageStored || e.Facility != "BV1" || !e.Time.Equal(Arrived) || chains[e.Chain] || e.Chain.IsZero() {
				t.Fatalf("event is %+v", e)
			}
			chains[e.Chain], seq = true, e.Seq
			got = append(got, string(e.Payload))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}
