package sqlite

import (
	"context"
	"os"
)

// checkpointer moves pages from the write-ahead log into the file, beside the
// commits. A passive checkpoint disturbs nobody, but while commits go on it
// never lets the log begin anew; so once the log has grown to four times the size
// that starts one, the committer is held between two groups for the rest.
type checkpointer struct {
	db    *DB
	wake  chan struct{}
	ended chan struct{}
}

// restartAt is at how many times Options.WAL the log is made to begin anew.
const restartAt = 4

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
	for range c.wake {
		size := c.size()
		moved = min(moved, size)
		if size-moved < limit {
			continue
		}
		c.run("PASSIVE") // nearly all of the work, while commits go on
		if moved = size; size >= restartAt*limit {
			c.restart()
		}
	}
}

// restart moves what is left and cuts the log, while no group is open. A reader
// that is still at work on the log only puts it off.
func (c *checkpointer) restart() {
	c.db.writing.Lock()
	defer c.db.writing.Unlock()
	c.run("TRUNCATE")
}

// size gives the length of the log's file in bytes; 0 if it is not there.
func (c *checkpointer) size() int64 {
	info, err := os.Stat(c.db.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

// run checkpoints. That a reader is in the way is no failure: the next one goes further.
func (c *checkpointer) run(mode string) {
	var busy, frames, moved int64
	err := c.db.checkpoints.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
	if err != nil {
		c.db.options.Failed(fail("sqlite.checkpoint", "", err))
	}
}
