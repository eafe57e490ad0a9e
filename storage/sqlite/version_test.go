package sqlite_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestVersion: the same as what Instances gives, without reading a table; nothing for what is not there.
func TestVersion(t *testing.T) {
	ctx, db := context.Background(), open(t, nil, sqlite.Options{})
	for i := range 6 {
		o := object(i/2, 1, 2)
		o.Facility = []halong.Facility{"BV1", "BV2"}[i%2]
		err := db.Update(ctx, func(tx halong.Tx) error {
			_, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for want, err := range db.Instances(ctx, halong.Everything(), storage.Ref{AllVersions: true}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		got, err := db.Version(ctx, want.Identity, want.Digest)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%v\n%s", err, d)
		}
		other := want.Identity
		other.Facility = "BV3"
		for _, x := range []struct {
			id storage.Identity
			d  halong.Digest
		}{{want.Identity, halong.Digest{1}}, {other, want.Digest}} {
			if _, err := db.Version(ctx, x.id, x.d); halong.KindOf(err) != halong.NotExist {
				t.Error(err)
			}
		}
		plans, err := db.Plans(func() error { _, err := db.Version(ctx, want.Identity, want.Digest); return err })
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range plans {
			if scan.MatchString(p) {
				t.Error(p)
			}
		}
	}
	if n != 6 {
		t.Errorf("%d versions", n)
	}
}
