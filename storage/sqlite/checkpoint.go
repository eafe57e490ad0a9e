package sqlite

import (
	"context"
	"os"
	"time"
)

// checkpointer moves pages from the write-ahead log into the file, beside the
// commits. A passive checkpoint disturbs nobody, but while commits go on it
// never lets the log begin anew; so once the log has grown to four times the size
// that starts one, the committer is held between two groups for the rest.
//
// What is in the log makes reading dearer, by half and more: for each page the log is asked first, and finds pages that every
// commit writes under thousands of numbers. So it is emptied as soon as nothing is committed for a moment.
type checkpointer struct {
	db    *DB
	wake  chan struct{}
	ended chan struct{}
}

// restartAt is at how many times Options.WAL the log is made to begin anew.
const restartAt = 4

// quiet is for how long nothing is committed before the log is emptied.
const quiet = 250 * time.Millisecond

func (c *checkpointer) start(db *DB) {
	c.db, c.wake, c.ended = db, make(chan struct{}, 1), make(chan struct{})
	go c.loop()
}

// poke tells that the log may have grown.
func (c *checkpointer) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it has been told
	}
}

// stop ends the loop and empties the log. Nothing may poke any more.
func (c *checkpointer) stop() {
	close(c.wake)
	<-c.ended
	c.run("TRUNCATE")
}

func (c *checkpointer) loop() {
	defer close(c.ended)
	limit := c.db.options.WAL
	var moved int64 // size of the log at the last checkpoint
	idle := time.NewTimer(quiet)
	for {
		select {
		case _, open := <-c.wake:
			if !open {
				return
			}
			idle.Reset(quiet)
			if c.db.held.open() { // the log has not grown
				continue
			}
			size := c.size()
			if moved = min(moved, size); size-moved >= limit {
				c.run("PASSIVE") // nearly all of the work, while commits go on
				if moved = size; size >= restartAt*limit {
					c.restart()
				}
			}
		case <-idle.C:
			if !c.rest() {
				idle.Reset(quiet)
			}
		}
	}
}

// rest commits what is held, and empties the log while nothing is committed. It tells whether that is done, or has failed; if not, a reader was in the way.
func (c *checkpointer) rest() bool {
	if c.db.settle() != nil { // somebody was told
		return true
	}
	if c.size() == 0 {
		return true
	}
	all, ok := c.run("PASSIVE")
	if all { // so whoever commits next has not long to wait
		_, ok = c.restart()
	}
	return !ok || c.size() == 0
}

// restart moves what is left and cuts the log, while no group is open. A reader
// that is still at work on the log only puts it off.
func (c *checkpointer) restart() (all, ok bool) {
	c.db.writing.Lock()
	defer c.db.writing.Unlock()
	if c.db.commitHeld() != nil { // somebody was told
		return false, false
	}
	return c.run("TRUNCATE")
}

// size gives the length of the log's file in bytes; 0 if it is not there.
func (c *checkpointer) size() int64 {
	info, err := os.Stat(c.db.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// run checkpoints. It tells whether that moved all of the log, and whether it went well: that a reader is in the way is no
// failure, the next one goes further.
func (c *checkpointer) run(mode string) (all, ok bool) {
	var busy, frames, moved int64
	err := c.db.checkpoints.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
	if err != nil {
		c.db.options.Failed(fail("sqlite.checkpoint", "", err))
		return false, false
	}
	return busy == 0 && frames == moved, true
}
