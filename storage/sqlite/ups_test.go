package sqlite_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
	"github.com/halong-gateway/halong/worklist/ups"
)

func TestUPS(t *testing.T) {
	storagetest.UPS(t, func(t testing.TB) storagetest.Workitems { return open(t, nil, sqlite.Options{}) })
}

// TestUPSPlans: no query about workitems reads a whole table.
func TestUPSPlans(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	if err := db.Update(context.Background(), func(tx halong.Tx) error {
		return db.SaveItem(tx, &ups.Item{Facility: "BV1", UID: "1.2", Attributes: &dataset.Set{}, Created: time.Now(), Changed: time.Now()})
	}); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	page := func(n ups.Narrow, after ups.Position) func() error {
		return func() error {
			_, err := db.Items(ctx, "BV1", n, after, 32)
			return err
		}
	}
	at := ups.Position{Starts: "20261122080000.000000", UID: "1.2"}
	for _, c := range []struct {
		name string
		run  func() error
		want string
	}{
		{"page", page(ups.Narrow{}, ups.Position{}), `^SEARCH w USING INDEX workitem_order \(facility=\?\)$`},
		{"next page", page(ups.Narrow{}, at), `^SEARCH w USING INDEX workitem_order \(facility=\? AND \(starts,uid\)>\(\?,\?\)\)$`},
		{"state", page(ups.Narrow{States: []ups.State{ups.Scheduled}}, at), `^SEARCH w USING INDEX workitem_state \(facility=\? AND state=\? AND \(starts,uid\)>\(\?,\?\)\)$`},
		{"start", page(ups.Narrow{From: "2026", To: "2027"}, ups.Position{}), `^SEARCH w USING INDEX workitem_order \(facility=\? AND starts>\? AND starts<\?\)$`},
		{"patient", page(ups.Narrow{Patient: "P"}, ups.Position{}), `^SEARCH w USING INDEX workitem_patient \(facility=\? AND patient=\?\)$`},
		{"UIDs", page(ups.Narrow{UIDs: []dicom.UID{"1.2"}}, ups.Position{}), `^SEARCH w USING INDEX workitem_uid \(uid=\? AND facility=\?\)`},
		{"one", func() error { _, err := db.Item(ctx, "BV1", "1.2"); return err }, `^SEARCH w USING INDEX workitem_uid \(uid=\? AND facility=\?\)$`},
		{"old", func() error { _, err := db.Old(ctx, false, time.Now(), 9); return err }, `^SEARCH w USING INDEX workitem_old \(state=\? AND changed<\?\)`},
		{"deleted", func() error { _, err := db.Old(ctx, true, time.Now(), 9); return err }, `^SEARCH w USING INDEX workitem_old \(state=\? AND changed<\?\)`},
		{"waiting", func() error { _, err := db.WaitingReports(ctx, "BV1", "A", 5, 9); return err }, `^SEARCH workitem_report USING INDEX workitem_report_ae \(facility=\? AND ae=\? AND id>\?\)$`},
		{"subscribed", func() error { _, err := db.Subscribed(ctx, "BV1", "A"); return err }, `SEARCH workitem_subscription USING COVERING INDEX workitem_subscription_ae`},
	} {
		plans, err := db.Plans(c.run)
		if err != nil {
			t.Fatal(err)
		}
		if len(plans) != 1 || !regexp.MustCompile(c.want).MatchString(plans[0]) || regexp.MustCompile(`SCAN (w|workitem)`).MatchString(plans[0]) {
			t.Errorf("%s: %q", c.name, plans)
		}
	}
}
