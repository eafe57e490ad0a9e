package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/halong-gateway/halong"
)

// facilities holds the keys of all facilities; there are few. The committer
// adds, readers see what is committed.
type facilities struct {
	committed atomic.Pointer[map[halong.Facility]int64]
	added     map[halong.Facility]int64 // in the open group
}

func (f *facilities) load(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, `SELECT id, name FROM facility`)
	if err != nil {
		return err
	}
	defer rows.Close()
	all := make(map[halong.Facility]int64)
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		all[halong.Facility(name)] = id
	}
	f.committed.Store(&all)
	return rows.Err()
}

// add gives a facility's key, which a caller's part may have to make.
func (f *facilities) add(tx *Tx, name halong.Facility) (int64, error) {
	for _, known := range []map[halong.Facility]int64{*f.committed.Load(), f.added, tx.facilities} {
		if id, ok := known[name]; ok {
			return id, nil
		}
	}
	r, err := tx.Exec(`INSERT INTO facility (name) VALUES (?)`, string(name))
	if err != nil {
		return 0, err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return 0, err
	}
	if tx.facilities == nil {
		tx.facilities = make(map[halong.Facility]int64)
	}
	tx.facilities[name] = id
	return id, nil
}

// keep takes over what a caller's part that succeeded has added.
func (f *facilities) keep(added map[halong.Facility]int64) {
	if len(added) == 0 {
		return
	}
	if f.added == nil {
		f.added = make(map[halong.Facility]int64)
	}
	maps.Copy(f.added, added)
}

// get gives the key of a committed facility.
func (f *facilities) get(name halong.Facility) (int64, bool) {
	id, ok := (*f.committed.Load())[name]
	return id, ok
}

// publish shows readers what was added, once it is committed.
func (f *facilities) publish() {
	if len(f.added) == 0 {
		return
	}
	all := maps.Clone(*f.committed.Load())
	maps.Copy(all, f.added)
	f.committed.Store(&all)
	f.added = nil
}

// forget drops what a group that failed has added.
func (f *facilities) forget() { f.added = nil }

// facility is one that a caller may see.
type facility struct {
	id   int64
	name halong.Facility
}

// visible gives the existing facilities that a scope sees, the preferred ones
// first: the caller's own, then as the scope lists them, then by name.
func (f *facilities) visible(scope halong.Scope) []facility {
	all := *f.committed.Load()
	var seen []facility
	take := func(name halong.Facility) {
		if id, ok := all[name]; ok && scope.Sees(name) && !slices.Contains(seen, facility{id, name}) {
			seen = append(seen, facility{id, name})
		}
	}
	take(scope.Own)
	for _, name := range scope.Visible {
		take(name)
	}
	if scope.All {
		for _, name := range slices.SortedFunc(maps.Keys(all), func(a, b halong.Facility) int { return strings.Compare(string(a), string(b)) }) {
			take(name)
		}
	}
	return seen
}

// seen gives the keys of the facilities that a scope sees.
func (db *DB) seen(scope halong.Scope) []int64 { return keysOf(db.facilities.visible(scope)) }

// keysOf gives the keys of facilities.
func keysOf(all []facility) []int64 {
	ids := make([]int64, len(all))
	for i, f := range all {
		ids[i] = f.id
	}
	return ids
}
