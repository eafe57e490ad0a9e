package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
)

func sameEvent(a, b halong.Event) bool {
	return a.Seq == b.Seq && a.Time.Equal(b.Time) && a.Time.Location() == b.Time.Location() && a.Type == b.Type && a.Facility == b.Facility &&
		bytes.Equal(a.Payload, b.Payload) && a.Chain == b.Chain
}

// TestEventTail: what is read from memory is what is read from the file, wherever a consumer stands; memory is bounded.
func TestEventTail(t *testing.T) {
	db, err := Open(context.Background(), t.TempDir()+"/halong.db", nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789012, time.FixedZone("", 7*3600))
	n := 0
	for range 40 {
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			for range 37 {
				n++
				e := halong.Event{Type: halong.EventMessageStored, Facility: "BV1", Time: at, Payload: []byte(fmt.Sprintf(`{"n":%d,"long":%q}`, n, strings.Repeat("x", n*3)))}
				if err := db.Emit(tx, e); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	first := db.tail.events[0].Seq
	if db.tail.bytes > recentEventsBytes || first == 1 || len(db.tail.events) > recentEvents {
		t.Errorf("%d events from %d on, %d bytes", len(db.tail.events), first, db.tail.bytes)
	}
	for _, from := range []uint64{0, first - 2, first - 1, first, uint64(n) - 3, uint64(n), uint64(n) + 5} {
		for _, limit := range []int{0, 1, 10, 5000} {
			got, err := db.EventsSince(context.Background(), from, limit)
			if err != nil {
				t.Fatal(err)
			}
			var want []halong.Event
			if err := db.eachEvent(context.Background(), from, limit, func(e *storedEvent) error {
				want = append(want, e.Event)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(want, got, sameEvent) {
				t.Fatalf("after %d, at most %d: %d events, want %d", from, limit, len(got), len(want))
			}
		}
	}
	if err := db.VerifyEvents(context.Background()); err != nil {
		t.Error(err)
	}
}
