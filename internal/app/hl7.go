package app

import (
	"context"
	"log/slog"

	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/lab"
)

// intakeConfig says what the HL7v2 edge writes to.
func (d *Data) intakeConfig(c *config.Config, log *slog.Logger) intake.Config {
	return intake.Config{
		Updater: d.Index, Journal: d.Store, Messages: d.Index, Events: d.Index,
		Patients: d.people, Registry: d.Index, Lab: lab.New(d.Index), Depot: labDepot{d.Archive, d}, Worklist: d.worklist, Blobs: d.Store,
		Application: c.AE, Log: log,
	}
}

// catchUp processes the messages that an earlier version of the program only kept.
func (d *Data) catchUp(ctx context.Context) error {
	n, err := d.intake.CatchUp(ctx)
	if n > 0 {
		d.log.Info("messages that an earlier version only kept are processed", "messages", n)
	}
	return err
}
