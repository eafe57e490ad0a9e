package sqlite

import (
	"database/sql"
	"errors"

	"github.com/halong-gateway/halong"
)

// sources remembers the keys of where objects came from. It is the committer's.
type sources struct{ recent[halong.Source, int64] }

const rememberedSources = 1024

// Source gives the key of a source, and adds it if it is new.
func (tx *Tx) Source(s halong.Source) (int64, error) {
	cache := &tx.db.sources
	if id, ok := cache.get(s); ok {
		return id, nil
	}
	var id int64
	err := tx.QueryRow(`SELECT id FROM source WHERE protocol = ? AND peer = ? AND address = ?`, s.Protocol, s.Peer, s.Address).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		var r sql.Result
		if r, err = tx.Exec(`INSERT INTO source (protocol, peer, address) VALUES (?, ?, ?)`, s.Protocol, s.Peer, s.Address); err == nil {
			id, err = r.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	cache.n = rememberedSources
	cache.put(s, id)
	return id, nil
}
