package sqlite_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// found adds n messages, of two types and facilities, and a refused one after them.
func found(t *testing.T, n int) *sqlite.DB {
	t.Helper()
	db := open(t, nil, sqlite.Options{})
	err := db.Update(context.Background(), func(tx halong.Tx) error {
		for i := 1; i <= n; i++ {
			m := &storage.Message{
				Facility: halong.Facility(fmt.Sprint("BV", 1+i%2)), Seq: uint64(i), Received: time.Unix(int64(1_000_000*i), 0).UTC(), Digest: halong.Digest{byte(i), byte(i >> 8)},
				Key: storage.MessageKey{Application: "LIS", Facility: "LAB", Control: fmt.Sprint("C", i%10)}, Type: []string{"ORU^R01", "ADT^A08", "ORU^R03"}[i%3],
			}
			if i%5 == 0 {
				m.State = storage.MessageProcessed
			}
			if _, err := db.AddMessage(tx, m); err != nil {
				return err
			}
		}
		return db.AddRefused(tx, &storage.Message{Facility: "BV1", Seq: uint64(n + 1), Reason: "no MSH"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestFindMessages(t *testing.T) {
	db := found(t, 30)
	for name, c := range map[string]struct {
		scope  halong.Scope
		q      storage.MessageQuery
		want   []uint64
		before uint64
	}{
		"a page":     {halong.Everything(), storage.MessageQuery{Limit: 3}, []uint64{30, 29, 28}, 28},
		"the next":   {halong.Everything(), storage.MessageQuery{Limit: 3, Before: 28}, []uint64{27, 26, 25}, 25},
		"the last":   {halong.Everything(), storage.MessageQuery{Limit: 3, Before: 3}, []uint64{2, 1}, 0},
		"control ID": {halong.Everything(), storage.MessageQuery{Control: "C7"}, []uint64{27, 17, 7}, 0},
		"type":       {halong.Everything(), storage.MessageQuery{Type: "ADT", Control: "C7"}, []uint64{7}, 0},
		"whole type": {halong.Everything(), storage.MessageQuery{Type: "ORU^R03", Control: "C7"}, []uint64{17}, 0},
		"sender":     {halong.Everything(), storage.MessageQuery{Sender: "RIS"}, nil, 0},
		"state":      {halong.Everything(), storage.MessageQuery{State: "processed", Sender: "LAB"}, []uint64{30, 25, 20, 15, 10, 5}, 0},
		"refused":    {halong.Everything(), storage.MessageQuery{State: "refused"}, []uint64{31}, 0},
		"time":       {halong.Everything(), storage.MessageQuery{From: time.Unix(10_000_000, 0), To: time.Unix(12_000_000, 0)}, []uint64{11, 10}, 0},
		"a facility": {halong.Scope{Own: "BV2"}, storage.MessageQuery{Control: "C7"}, []uint64{27, 17, 7}, 0},
		"the other":  {halong.Scope{Own: "BV1"}, storage.MessageQuery{Control: "C7"}, nil, 0},
		"nobody's":   {halong.Scope{}, storage.MessageQuery{}, nil, 0},
		"no patient": {halong.Everything(), storage.MessageQuery{Patient: "7"}, nil, 0},
		"too many":   {halong.Everything(), storage.MessageQuery{Limit: 1 << 40, Control: "C1"}, []uint64{21, 11, 1}, 0},
	} {
		page, err := db.FindMessages(context.Background(), c.scope, c.q)
		var got []uint64
		for _, m := range page.Messages {
			got = append(got, m.Seq)
		}
		if d := cmp.Diff(c.want, got); d != "" || err != nil || page.Before != c.before {
			t.Errorf("%s: %s %v, next before %d", name, d, err, page.Before)
		}
	}
}

// TestFindMessagesPlans: neither all messages nor all orders, reports and changes are read through.
func TestFindMessagesPlans(t *testing.T) {
	db := found(t, 3)
	bad := regexp.MustCompile(`SCAN (lab_version|v|worklist_order|o|patient_change|c|patient|patient_other|x|message_refused)\b[^;]*`)
	for _, q := range []storage.MessageQuery{{}, {State: "refused"}, {Patient: "7"}, {Before: 2}} {
		plans, err := db.Plans(func() error {
			_, err := db.FindMessages(context.Background(), halong.Everything(), q)
			return err
		})
		if err != nil || len(plans) == 0 {
			t.Fatal(len(plans), err)
		}
		for _, p := range plans {
			if s := bad.FindString(p); s != "" || q.Patient == "" && regexp.MustCompile(`USE TEMP B-TREE FOR ORDER BY`).MatchString(p) {
				t.Errorf("%+v: %s", q, p)
			}
		}
	}
}
