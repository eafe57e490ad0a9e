package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// Where things lie below the data folder.
const (
	storeFolder = "store"           // segments and blobs: all that must survive
	indexFile   = "index/halong.db" // rows: can be made again from the store
)

// Data is an opened data folder.
type Data struct {
	Archive *storage.Archive
	Index   *sqlite.DB
	Store   *disk.Store

	intake  *intake.Intake
	applied int     // journal records applied when it was opened
	lost    []error // journal records that could not be
	log     *slog.Logger
}

// OpenData opens the data folder of a configuration, makes it when it is new, and
// brings the index up to date with the journal. It is for one process at a time: the
// error is of kind Conflict when another has it.
func OpenData(ctx context.Context, c *config.Config, log *slog.Logger) (*Data, error) {
	d, err := openStore(c, log)
	if err != nil {
		return nil, err
	}
	if err := d.openIndex(ctx, c, indexPath(c)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func indexPath(c *config.Config) string { return filepath.Join(c.Data, indexFile) }

// openStore locks the folder and opens the blob store.
func openStore(c *config.Config, log *slog.Logger) (*Data, error) {
	const op = "app.Open"
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, halong.E(op, halong.Permission, "", err)
	}
	s, err := disk.Open(filepath.Join(c.Data, storeFolder), disk.Options{Budget: int64(c.Storage.Budget)})
	if halong.KindOf(err) == halong.Conflict {
		return nil, halong.E(op, halong.Conflict, "", fmt.Errorf(
			"the data folder %s is in use by another halong process; stop that one first (halong serve holds it as long as it runs)", c.Data,
		))
	}
	if err != nil {
		return nil, err
	}
	return &Data{Store: s, log: log}, nil
}

// openIndex opens the index file, joins it with the store, and recovers.
func (d *Data) openIndex(ctx context.Context, c *config.Config, path string) (err error) {
	d.Index, err = sqlite.Open(ctx, path, d.Store, sqlite.Options{
		Failed: func(err error) { d.log.Error("index: background work failed", "error", err) },
	})
	if err != nil {
		return err
	}
	d.Archive = storage.NewArchive(storage.Config{
		Index: d.Index, Blobs: d.Store, Journal: d.Store, Policy: storage.VersionPolicy(c.Storage.Versions),
	})
	d.intake = intake.New(d.intakeConfig(c, d.log))
	return d.recover(ctx)
}

// Close closes index and store.
func (d *Data) Close() error {
	var errs []error
	if d.Index != nil {
		errs = append(errs, d.Index.Close())
	}
	return errors.Join(append(errs, d.Store.Close())...)
}
