package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app"
)

type verifyCmd struct{ dataFlags }

// Run reads and hashes everything.
func (v *verifyCmd) Run(e *env) error {
	d, _, err := e.openExisting(&v.dataFlags)
	if err != nil {
		return err
	}
	b := newBar(e, "verify", -1, false)
	report, err := d.Verify(e.ctx, b.set)
	b.finish()
	for _, line := range report.Damage {
		e.printf("%s\n", line)
	}
	e.printf("%d versions, %d quarantined objects, %d messages, %d bytes read; %d damaged\n",
		report.Instances, report.Quarantined, report.Messages, report.Bytes, len(report.Damage))
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	if len(report.Damage) > 0 {
		return errors.New("damage was found")
	}
	return nil
}

type reindexCmd struct{ dataFlags }

// Run makes the index again.
func (r *reindexCmd) Run(e *env) error {
	c, err := r.existing()
	if err != nil {
		return err
	}
	n, err := app.Reindex(e.ctx, c, app.NewLogger(e.stderr, c.Log))
	if err != nil {
		return err
	}
	e.printf("%d records replayed\n", n.Records)
	if n.Lost > 0 {
		return incomplete{fmt.Sprintf("%d records could not be replayed; the log tells which", n.Lost)}
	}
	if n.Damaged > 0 {
		return incomplete{fmt.Sprintf("%d ranges of the journal hold no valid record; the log tells which, and the quarantine lists what was a message", n.Damaged)}
	}
	return nil
}

type compactCmd struct{ dataFlags }

// Run removes and compacts.
func (x *compactCmd) Run(e *env) error {
	d, _, err := e.openExisting(&x.dataFlags)
	if err != nil {
		return err
	}
	r, err := d.Reclaim(e.ctx)
	e.printf("%d blobs of %d bytes removed, %d segments dropped\n", r.Blobs, r.BlobBytes, r.Segments)
	return errors.Join(err, d.Close())
}

type quarantineCmd struct {
	List quarantineListCmd `cmd:"" default:"withargs" help:"List it, with reasons. halong export --quarantine writes it out."`
}

type quarantineListCmd struct {
	dataFlags
	JSON bool `help:"One JSON object a line."`
}

// quarantined is an entry as it is printed.
type quarantined struct {
	Entry    uint64          `json:"entry"`
	Received string          `json:"received"`
	Facility halong.Facility `json:"facility"`
	Source   halong.Source   `json:"source"`
	Bytes    int64           `json:"bytes"`
	Class    string          `json:"class,omitempty"`
	Instance string          `json:"instance,omitempty"`
	Control  string          `json:"control,omitempty"` // MSH-10 of a message
	Reason   string          `json:"reason"`
}

// Run lists the quarantine.
func (q *quarantineListCmd) Run(e *env) error {
	d, _, err := e.openExisting(&q.dataFlags)
	if err != nil {
		return err
	}
	return errors.Join(q.list(e, d), d.Close())
}

func (q *quarantineListCmd) list(e *env, d *app.Data) error {
	for in, err := range d.Archive.QuarantineList(e.ctx, halong.Everything()) {
		if err != nil {
			return err
		}
		l := quarantined{
			Entry: in.Seq, Received: in.Received.Format(time.RFC3339), Facility: in.Facility, Source: in.Source, Bytes: in.Manifest.Size(),
			Class: string(in.Manifest.SOPClass), Instance: string(in.Manifest.SOPInstance), Reason: in.Reason,
		}
		if err := q.print(e, l); err != nil {
			return err
		}
	}
	for m, err := range d.Index.Refused(e.ctx, halong.Everything()) {
		if err != nil {
			return err
		}
		l := quarantined{
			Entry: m.Seq, Received: m.Received.Format(time.RFC3339), Facility: m.Facility, Source: m.Source,
			Bytes: m.Place.Length, Control: m.Key.Control, Reason: m.Reason,
		}
		if err := q.print(e, l); err != nil {
			return err
		}
	}
	return nil
}

func (q *quarantineListCmd) print(e *env, l quarantined) error {
	if q.JSON {
		return json.NewEncoder(e.stdout).Encode(l)
	}
	e.printf("%d\t%s\t%s\t%s %s\t%d bytes\t%q\t%s\n", l.Entry, l.Received, l.Facility, l.Source.Protocol, cmp.Or(l.Source.Peer, l.Source.Address), l.Bytes, l.Instance+l.Control, l.Reason)
	return nil
}
