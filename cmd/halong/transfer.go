package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/transfer"
	"github.com/halong-gateway/halong/storage"
)

// open opens the data folder of a command.
func (e *env) open(f *dataFlags) (*app.Data, *config.Config, error) {
	return e.openAs(f.resolve)
}

// openExisting is open for commands that make no folder.
func (e *env) openExisting(f *dataFlags) (*app.Data, *config.Config, error) {
	return e.openAs(f.existing)
}

func (e *env) openAs(resolve func() (*config.Config, error)) (*app.Data, *config.Config, error) {
	c, err := resolve()
	if err != nil {
		return nil, nil, err
	}
	d, err := app.OpenData(e.ctx, c, app.NewLogger(e.stderr, c.Log))
	return d, c, err
}

type importCmd struct {
	dataFlags
	Paths    []string        `arg:"" name:"path" help:"Folders, zip files, DICOM media, files." type:"existingpath"`
	Facility halong.Facility `help:"Facility the objects belong to (default: key facility)."`
	Workers  int             `help:"Files at once." default:"4"`
	Quiet    bool            `short:"q" help:"Print the totals alone."`
}

// Run imports.
func (i *importCmd) Run(e *env) error {
	if i.Facility != "" {
		if err := config.ValidFacility(i.Facility); err != nil {
			return usage{err}
		}
	}
	d, c, err := e.open(&i.dataFlags)
	if err != nil {
		return err
	}
	if i.Facility == "" {
		i.Facility = c.Facility
	}
	b := newBar(e, "import", 0, true)
	run := transfer.Import{
		Archive: d.Archive, Facility: i.Facility, Workers: i.Workers,
		Found: func(_, bytes int64) { b.grow(bytes) },
		Done: func(n transfer.Note, bytes int64) {
			b.add(bytes)
			if n.Err != nil && !i.Quiet {
				b.clear()
				e.printf("%s\n", n)
			}
		},
	}
	sum, err := run.Run(e.ctx, i.Paths)
	b.finish()
	e.printf("%s\n", totals(sum))
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	if sum[transfer.Failed] > 0 {
		return fmt.Errorf("%d files could not be stored", sum[transfer.Failed])
	}
	if !sum.Complete() {
		return incomplete{"not everything is where it should be; see `halong quarantine list`"}
	}
	return nil
}

// totals writes counts in a fixed order, without zeros.
func totals(s transfer.Summary) string {
	var parts []string
	for _, r := range []transfer.Result{
		transfer.Stored, transfer.Duplicate, transfer.Version, transfer.Quarantined,
		transfer.Directory, transfer.Skipped, transfer.Missing, transfer.Failed,
	} {
		if n := s[r]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	if parts == nil {
		return "nothing found"
	}
	return strings.Join(parts, ", ")
}

// refFlags name a study, series or instance.
type refFlags struct {
	Study    dicom.UID       `help:"Study Instance UID." placeholder:"UID"`
	Series   dicom.UID       `help:"Series Instance UID." placeholder:"UID"`
	Instance dicom.UID       `help:"SOP Instance UID." placeholder:"UID"`
	Facility halong.Facility `help:"Only this facility's."`
}

func (r *refFlags) ref() (storage.Ref, error) {
	for _, u := range []dicom.UID{r.Study, r.Series, r.Instance} {
		if u != "" && !u.Valid() {
			return storage.Ref{}, usage{fmt.Errorf("%q is not a UID", u)}
		}
	}
	return storage.Ref{Study: r.Study, Series: r.Series, SOP: r.Instance, Facility: r.Facility}, nil
}

type exportCmd struct {
	dataFlags
	refFlags
	AllVersions bool   `help:"Also versions that are not served."`
	AsReceived  bool   `help:"The very bytes that came, with the preamble and header they had, instead of a new Part 10 header."`
	Deidentify  string `help:"De-identify for a project (key deidentify)." placeholder:"PROJECT"`
	Quarantine  bool   `help:"What lies in quarantine, as received, instead of what is stored."`
	Out         string `required:"" help:"Folder to write to." type:"path" placeholder:"DIR"`
	Quiet       bool   `short:"q" help:"Print the totals alone."`
}

// Run exports.
func (x *exportCmd) Run(e *env) error {
	ref, err := x.ref()
	if err != nil {
		return err
	}
	if x.Deidentify != "" && (x.AllVersions || x.AsReceived || x.Quarantine) {
		return usage{errors.New("--deidentify goes without --all-versions, --as-received and --quarantine")}
	}
	ref.AllVersions = x.AllVersions
	d, c, err := e.openExisting(&x.dataFlags)
	if err != nil {
		return err
	}
	h := &hidden{}
	if x.Deidentify != "" {
		if h.deidentifier, err = app.Deidentifier(c, x.Deidentify); err != nil {
			return errors.Join(usage{err}, d.Close())
		}
	}
	b := newBar(e, "export", -1, false)
	run := transfer.Export{
		Archive: d.Archive, Scope: halong.Everything(), Out: x.Out, AsReceived: x.AsReceived, AE: c.AE,
		Done: func(name string, _ int64, err error) {
			b.add(1)
			if err != nil {
				h.failed++
				b.clear()
				fmt.Fprintf(e.stderr, "%s: %v\n", name, err)
			} else if !x.Quiet {
				b.clear()
				e.printf("%s%s\n", name, h.note())
			}
		},
	}
	if h.deidentifier != nil {
		run.Edit = h.edit
	}
	var n int
	if x.Quarantine {
		n, err = run.Quarantine(e.ctx)
		messages, merr := run.Messages(e.ctx, d.Index, d.Store)
		n, err = n+messages, errors.Join(err, merr)
	} else {
		n, err = run.Instances(e.ctx, ref)
	}
	b.finish()
	e.printf("%d exported\n", n)
	h.total(e)
	if h.refused > 0 && h.refused == h.failed {
		err = incomplete{"objects that may show who the patient is were refused"}
	}
	if err = errors.Join(err, d.Close()); err == nil && n == 0 {
		return incomplete{"there is nothing to export"}
	}
	return err
}
