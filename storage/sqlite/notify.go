package sqlite

// NotifyEvents makes f be called after events were committed. It must not block. There is one such f.
func (db *DB) NotifyEvents(f func()) { db.notify.Store(&f) }

// notified tells that events were committed.
func (db *DB) notified(events int) {
	if f := db.notify.Load(); f != nil && events > 0 {
		(*f)()
	}
}
