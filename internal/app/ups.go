package app

import (
	"context"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/worklist"
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
		Moved: d.workitemMoved,
		Items: u.Items, AEs: u.Subscribers, Waiting: ups.Limit{Reports: u.Waiting}, Channels: u.Channels,
	})
}

// workitemMoved brings the step of an order along with its workitem, which somebody claimed, completed or cancelled by UPS-RS.
func (d *Data) workitemMoved(tx halong.Tx, it *ups.Item) error {
	to := map[ups.State]worklist.Status{ups.InProgress: worklist.Started, ups.Completed: worklist.Completed, ups.Canceled: worklist.Discontinued}[it.State]
	switch {
	case to == "":
		return nil
	case to == worklist.Discontinued && it.Transaction == "":
		to = worklist.Cancelled // nobody had begun
	}
	of := it.Attributes.Get(tag.ReferencedRequestSequence) // clients cannot change it
	if of == nil || len(of.Items) == 0 {
		return nil
	}
	return d.worklist.WorkitemMoved(tx, it.Facility, it.UID, of.Items[0].UID(tag.StudyInstanceUID), to, it.Changed)
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
