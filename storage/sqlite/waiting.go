package sqlite

// Waiting tells how many transactions wait for the committer, for metrics.
func (db *DB) Waiting() int { return len(db.queue) }
