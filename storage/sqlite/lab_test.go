package sqlite_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

func TestLab(t *testing.T) {
	storagetest.Lab(t, func(t testing.TB) storagetest.LabStore { return open(t, nil, sqlite.Options{}) })
}

// TestLabPlans: what is asked about results reads no table as a whole.
func TestLabPlans(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	ctx := context.Background()
	var key int64
	err := db.Update(ctx, func(tx halong.Tx) error {
		p := &patient.Patient{Facility: "BV1", Identifiers: []patient.Identifier{{ID: "7", Authority: "A"}}}
		if _, err := db.AddPatient(tx, p); err != nil {
			return err
		}
		key = p.Key
		o := storagetest.Order(1, "BV1") // of another patient, so that the next question is asked
		o.Patient, o.Placer.ID, o.Filler.ID, o.Accession = key+1, "P", "F", "A"
		if err := db.PutOrder(tx, o); err != nil {
			return err
		}
		return db.AddVersion(tx, &lab.Version{
			Head: lab.Head{ID: lab.NewID(1, 0), First: lab.NewID(1, 0), Number: 1, Patient: key, Facility: "BV1", Received: time.Unix(1, 0)}, Content: []byte("{}"),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	all := halong.Everything()
	specimens := lab.Numbers{Specimens: []string{"S", "T"}}
	persons := lab.Numbers{Specimens: []string{"S", "T"}, Patient: key}
	numbers := lab.Numbers{Placer: &lab.Order{ID: "P"}, Filler: &lab.Order{ID: "F"}, Accession: "A", Specimens: []string{"S"}}
	ofOne := numbers
	ofOne.Patient = key
	for name, ask := range map[string]func() error{
		"versions":             func() error { _, err := db.Versions(ctx, "BV1", key); return err },
		"person":               func() error { _, err := db.Person(ctx, key); return err },
		"report":               func() error { _, err := db.Report(ctx, all, lab.NewID(1, 0)); return err },
		"reports of a message": func() error { _, err := db.ReportsOf(ctx, 1); return err },
		"recent":               func() error { _, _, err := db.Recent(ctx, all, 0, 10); return err },
		"numbered":             func() error { _, err := db.Numbered(ctx, all, "F"); return err },
		"document": func() error {
			if _, err := db.Document(ctx, all, lab.NewID(1, 0), 1); halong.KindOf(err) != halong.NotExist {
				return err
			}
			return nil
		},
		"order":                func() error { _, _, err := db.OrderOf(ctx, "BV1", numbers); return err },
		"order of a person":    func() error { _, _, err := db.OrderOf(ctx, "BV1", ofOne); return err },
		"order of a specimen":  func() error { _, _, err := db.OrderOf(ctx, "BV1", specimens); return err },
		"specimen of a person": func() error { _, _, err := db.OrderOf(ctx, "BV1", persons); return err },
		"documents": func() error {
			for _, err := range db.AllDocuments(ctx) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"codes":         func() error { _, err := db.Codes(ctx, all); return err },
		"next to index": func() error { _, err := db.Unindexed(ctx, 10); return err },
		"behind":        func() error { _, err := db.Behind(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			plans, err := db.Plans(ask)
			if err != nil || len(plans) == 0 {
				t.Fatal(plans, err)
			}
			for _, p := range plans {
				for _, part := range strings.Split(p, "; ") {
					whole := strings.HasPrefix(part, "SCAN ") && !strings.HasPrefix(part, "SCAN up") && !strings.HasPrefix(part, "SCAN down") && !strings.HasPrefix(part, "SCAN CONSTANT") &&
						!strings.Contains(part, "VIRTUAL TABLE") && !strings.HasPrefix(part, "SCAN (subquery") && part != "SCAN COMPOUND" && !strings.HasPrefix(part, "SCAN json_each")
					if whole || strings.Contains(part, "TEMP B-TREE FOR ORDER BY") {
						t.Errorf("%s: %s", part, p)
					}
				}
			}
		})
	}
}

// TestLabIndexedTogether: several that index at the same time, while versions come and others come late, count each version once.
func TestLabIndexedTogether(t *testing.T) {
	const indexers, messages = 6, 150
	db := open(t, nil, sqlite.Options{})
	ctx := context.Background()
	add := func(message uint64) error {
		return db.Update(ctx, func(tx halong.Tx) error {
			id := lab.NewID(message, 0)
			return db.AddVersion(tx, &lab.Version{Head: lab.Head{ID: id, First: id, Number: 1, Facility: "BV1", Received: time.Unix(1, 0)}})
		})
	}
	index := func() error {
		all, err := db.Unindexed(ctx, 7)
		if err != nil {
			return err
		}
		u := &lab.Use{Codes: []lab.CodeUse{{Facility: "BV1", Code: lab.Coded{Code: "GLU"}, Count: int64(len(all))}}}
		if err := db.AddUse(ctx, all, u); err != nil && halong.KindOf(err) != halong.Conflict {
			return err
		}
		return nil
	}
	var stop atomic.Bool
	var running sync.WaitGroup
	for range indexers {
		running.Go(func() {
			for !stop.Load() {
				if err := index(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range uint64(messages) { // each second one comes below those that came before it
		if err := add(2000 + n); err != nil {
			t.Error(err)
		}
		if err := add(1000 - n); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	running.Wait()
	for behind := int64(1); behind > 0; {
		var err error
		if err = index(); err == nil {
			behind, err = db.Behind(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	codes, err := db.Codes(ctx, halong.Everything())
	if err != nil || len(codes) != 1 || codes[0].Count != 2*messages {
		t.Error(codes, err)
	}
}
