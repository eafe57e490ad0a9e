package sqlite_test

import (
	"context"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestTouch: what is touched in a transaction has another stamp when the transaction is committed; a touched series
// leaves its neighbours alone, a touched study does not, and what fails touches nothing.
func TestTouch(t *testing.T) {
	ctx := context.Background()
	db := open(t, nil, sqlite.Options{})
	add := func(i int) storage.Identity {
		o := object(i, 1, 4)
		if err := db.Update(ctx, func(tx halong.Tx) error {
			_, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return o.Instance().Identity
	}
	one, two := add(0), add(1)
	if one.Study != two.Study || one.Series == two.Series {
		t.Fatal("two series of one study are wanted")
	}
	stamp := func(id storage.Identity) storage.Stamp {
		s, err := db.Stamp(ctx, halong.Everything(), storage.Ref{Study: id.Study, Series: id.Series})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	touch := func(id storage.Identity, fail error) {
		if err := db.Update(ctx, func(tx halong.Tx) error {
			if err := db.Touch(tx, id); err != nil {
				t.Fatal(err)
			}
			return fail
		}); err != fail {
			t.Fatal(err)
		}
	}
	a, b := stamp(one), stamp(two)
	touch(one, nil)
	if s := stamp(one); s.Series == a.Series || s.Study == a.Study {
		t.Error("a touched series, or its study, has its old stamp")
	}
	if s := stamp(two); s.Series != b.Series || s.Study == b.Study {
		t.Error("the series beside a touched one has a new stamp, or the study its old one")
	}
	a, b = stamp(one), stamp(two)
	touch(storage.Identity{Facility: one.Facility, Study: one.Study}, nil)
	if x, y := stamp(one), stamp(two); x.Series == a.Series || y.Series == b.Series || x.Study == a.Study {
		t.Error("a touched study, or a series of it, has its old stamp")
	}
	a = stamp(one)
	touch(one, context.Canceled)
	if s := stamp(one); s != a {
		t.Error("a transaction that failed touched the series")
	}
}
