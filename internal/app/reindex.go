package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage/derived"
)

// Reindexed tells what Reindex did.
type Reindexed struct {
	Records int // replayed
	Lost    int // could not be: bytes they need are gone
	Damaged int // ranges of the journal without a valid record: what they held is unknown
}

// The index file and those that SQLite keeps beside it.
var indexParts = []string{"", "-wal", "-shm"}

// Reindex makes the index again from the store alone. The old index, if there is
// one, is kept beside the new as halong.db.old until the next time, and put back when this fails.
func Reindex(ctx context.Context, c *config.Config, log *slog.Logger) (done Reindexed, err error) {
	d, err := openStore(c, log) // takes the lock
	if err != nil {
		return done, err
	}
	path := indexPath(c)
	err = derived.Clear(readyPath(c)) // made from the old one
	if err == nil {
		err = moveIndex(path, path+".old")
	}
	if err != nil {
		return done, errors.Join(err, d.Close())
	}
	err = d.openIndex(ctx, c, path)
	done = Reindexed{d.applied, len(d.lost), d.damaged}
	if err = errors.Join(err, d.Close()); err != nil {
		err = errors.Join(err, moveIndex(path+".old", path))
	}
	return done, err
}

// moveIndex renames an index with its parts, over what is there.
func moveIndex(from, to string) error {
	if err := removeIndex(to); err != nil {
		return err
	}
	for _, part := range indexParts {
		if err := os.Rename(from+part, to+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reindex: %w", err)
		}
	}
	return nil
}

func removeIndex(path string) error {
	for _, part := range indexParts {
		if err := os.Remove(path + part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reindex: %w", err)
		}
	}
	return nil
}
