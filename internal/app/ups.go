package app

import (
	"context"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/worklist/ups"
)

// newUPS makes the worklist of Unified Procedure Steps over the index.
func (d *Data) newUPS(c *config.Config) *ups.Service {
	u, label, keep := &c.UPS, c.UPS.Label, c.UPS.Keep.Std()
	if label == "" {
		label = c.AE
	}
	if keep == 0 {
		keep = -1 // for ever
	}
	return ups.New(ups.Config{
		Updater: d.Index, Store: d.Index, Journal: workitemJournal{d.Store}, Events: d.Index, Log: d.log, Label: label, Keep: keep,
		Items: u.Items, AEs: u.Subscribers, Waiting: ups.Limit{Reports: u.Waiting}, Channels: u.Channels,
	})
}

// workitemJournal keeps the records of workitems in the store.
type workitemJournal struct{ store *disk.Store }

// AppendWorkitem implements ups.Journal.
func (j workitemJournal) AppendWorkitem(tx halong.Tx, parts ...[]byte) error {
	_, _, err := j.store.Append(tx, storage.RecordWorkitem, parts...)
	return err
}

// purgeWorkitems deletes workitems that have been final for long.
func (a *App) purgeWorkitems(ctx context.Context) {
	n, err := a.data.ups.Purge(ctx)
	if err != nil && ctx.Err() == nil {
		a.log.Error("ups: deleting old workitems failed", "error", err)
	}
	if n > 0 {
		a.log.Info("ups: old workitems were deleted", "workitems", n)
	}
}
