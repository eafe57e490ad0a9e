package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/worklist"
	"github.com/halong-gateway/halong/worklist/ups"
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

	intake   *intake.Intake
	locate   storage.Locator // while a message is replayed
	ups      *ups.Service
	worklist *worklist.Service
	people   *patient.Service
	parts    Parts
	applied  int        // journal records applied when it was opened
	lost     []error    // journal records that could not be
	damaged  int        // ranges of the journal, beyond what the index knew, without a valid record
	broken   chan error // says that the index must be opened anew
	log      *slog.Logger
}

// roomToWait is how many bytes must be free for commits to wait, so that none of them meets a full disk.
const roomToWait = 256 << 20

// Parts are what may be put in the place of a Data's real parts, by tests. Zero
// fields change nothing.
type Parts struct {
	Disk  disk.Options                  // of the blob store; Budget is taken from the configuration
	Log   func(storage.Log) storage.Log // between index and journal
	Grace time.Duration                 // how long blobs without references are kept
}

// OpenData opens the data folder of a configuration, makes it when it is new, and
// brings the index up to date with the journal. It is for one process at a time: the
// error is of kind Conflict when another has it.
func OpenData(ctx context.Context, c *config.Config, log *slog.Logger, parts ...Parts) (*Data, error) {
	d, err := openStore(c, log, parts...)
	if err != nil {
		return nil, err
	}
	if err := d.openIndex(ctx, c, indexPath(c)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// HasStore tells whether the data folder holds a store.
func HasStore(c *config.Config) bool {
	info, err := os.Stat(filepath.Join(c.Data, storeFolder))
	return err == nil && info.IsDir()
}

func indexPath(c *config.Config) string { return filepath.Join(c.Data, indexFile) }

// openStore locks the folder and opens the blob store.
func openStore(c *config.Config, log *slog.Logger, parts ...Parts) (*Data, error) {
	const op = "app.Open"
	d := &Data{log: log}
	for _, p := range parts {
		d.parts = p
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, halong.E(op, halong.Permission, "", err)
	}
	o := d.parts.Disk
	o.Budget = int64(c.Storage.Budget)
	s, err := disk.Open(filepath.Join(c.Data, storeFolder), o)
	if halong.KindOf(err) == halong.Conflict {
		return nil, halong.E(op, halong.Conflict, "", fmt.Errorf(
			"the data folder %s is in use by another halong process; stop that one first (halong serve holds it as long as it runs)", c.Data,
		))
	}
	if err != nil {
		return nil, err
	}
	d.Store = s
	return d, nil
}

// openIndex opens the index, joins it with the store, and recovers.
func (d *Data) openIndex(ctx context.Context, c *config.Config, path string) error {
	if err := d.openFitting(ctx, c, path); err != nil {
		return err
	}
	if err := d.recover(ctx); err != nil {
		return err
	}
	if err := d.catchUp(ctx); err != nil {
		return err
	}
	return d.people.Finish(ctx, d.Index)
}

// openFile opens an index file and makes the services over it.
func (d *Data) openFile(ctx context.Context, c *config.Config, path string) (err error) {
	d.broken = make(chan error, 1) // it is said once
	var journal storage.Log = d.Store
	if d.parts.Log != nil {
		journal = d.parts.Log(journal)
	}
	d.Index, err = sqlite.Open(ctx, path, journal, sqlite.Options{
		Failed: func(err error) { d.log.Error("index: background work failed", "error", err) },
		Lost:   func(err error) { d.broken <- err },
		Roomy:  func() bool { return disk.Free(filepath.Dir(path)) >= roomToWait },
		Policy: c.PatientPolicy(),
	})
	if err != nil {
		return err
	}
	coercion, err := receiveCoercion(c, records{d.Index})
	if err != nil {
		return err
	}
	rejections, err := c.RejectionRules()
	if err != nil {
		return err
	}
	d.Archive = storage.NewArchive(storage.Config{
		Index: d.Index, Blobs: d.Store, Journal: d.Store, Policy: storage.VersionPolicy(c.Storage.Versions),
		Grace: d.parts.Grace, Coerce: coercion, Rejections: rejections,
	})
	d.ups = d.newUPS(c)
	if d.worklist, err = d.newWorklist(c); err != nil {
		return err
	}
	d.people = d.newPatients(c.PatientPolicy())
	d.intake = intake.New(d.intakeConfig(c, d.log))
	return nil
}

// Close closes index and store.
func (d *Data) Close() error {
	var errs []error
	if d.Index != nil {
		errs = append(errs, d.Index.Close())
	}
	return errors.Join(append(errs, d.Store.Close())...)
}
