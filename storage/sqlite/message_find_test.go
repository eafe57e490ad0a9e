package sqlite_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
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

// TestFindMessagesOfPatient: what is found of a patient comes in pages, each of bounded work, and together they are all.
func TestFindMessagesOfPatient(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, and one goroutine: make unit runs it")
	}
	const all = storage.MaxMessagesSeen + 700
	db := open(t, nil, sqlite.Options{})
	s := patient.New(db)
	p := &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "7", Authority: "A"}}}
	other := &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "8", Authority: "A"}}}
	add := func(tx halong.Tx, i int) error {
		m := &storage.Message{
			Facility: "BV1", Seq: uint64(i), Received: time.Unix(int64(i), 0).UTC(), Digest: halong.Digest{byte(i), byte(i >> 8), byte(i >> 16)},
			Key: storage.MessageKey{Application: "LIS", Facility: "LAB", Control: fmt.Sprint("C", i)}, Type: []string{"ORU^R01", "ADT^A24"}[i/all],
		}
		if _, err := db.AddMessage(tx, m); err != nil {
			return err
		}
		if i == 1 {
			_, err := s.Record(tx, p)
			return err
		}
		if i == all {
			_, err := s.Link(tx, other, p, patient.Cause{Record: uint64(i)})
			return err
		}
		for n := range 1 + i%50/49 { // some messages have two reports
			id := lab.ID(int64(i)<<20 | int64(n))
			v := &lab.Version{Head: lab.Head{ID: id, First: id, Number: 1, Patient: 1, Facility: "BV1", Received: m.Received, Link: lab.Link{Service: "GLU"}}, Content: []byte("{}")}
			if err := db.AddVersion(tx, v); err != nil {
				return err
			}
		}
		return nil
	}
	for i := 1; i <= all; {
		if err := db.Update(t.Context(), func(tx halong.Tx) (err error) {
			for end := min(i+2000, all+1); i < end && err == nil; i++ {
				err = add(tx, i)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	pages := func(q storage.MessageQuery) (seqs []uint64, pages int) {
		t.Helper()
		for q.Patient = "7"; ; {
			page, err := db.FindMessages(t.Context(), halong.Everything(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Messages {
				seqs = append(seqs, m.Seq)
			}
			pages++
			if q.Before = page.Before; q.Before == 0 {
				return seqs, pages
			}
		}
	}
	seqs, n := pages(storage.MessageQuery{})
	if len(seqs) != all-1 || n != all/storage.MaxMessagesFound+1 {
		t.Errorf("%d messages on %d pages", len(seqs), n)
	}
	for i, seq := range seqs {
		if seq != uint64(all-i) {
			t.Fatalf("message %d at %d", seq, i)
		}
	}
	if seqs, n := pages(storage.MessageQuery{Type: "ADT", Limit: 3}); len(seqs) != 1 || seqs[0] != all || n != 2 { // one looks at as many as one may
		t.Errorf("%v on %d pages", seqs, n)
	}
	if seqs, n := pages(storage.MessageQuery{From: time.Unix(all-100_000, 0), Control: "C20001"}); len(seqs) != 1 || n != 2 {
		t.Errorf("%v on %d pages", seqs, n)
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
