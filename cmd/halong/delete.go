package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/storage"
)

type deleteCmd struct {
	dataFlags
	refFlags
	Reason  string   `help:"Why. It is kept with the decision; no patient data." placeholder:"TEXT"`
	Code    string   `help:"Why, as a code of PS3.16 CID 7010 or 7011: 113001 quality, 113037 patient safety, 113038 wrong worklist entry, 113039 retention." placeholder:"113001"`
	Purge   bool     `help:"Give up at once what is deleted, or what the removals of --number hide: it cannot be restored."`
	List    bool     `help:"List what was deleted or rejected, the newest first."`
	Restore bool     `help:"Take the removals of --number back."`
	Number  []uint64 `help:"A removal's number, as --list prints it." placeholder:"N"`
	JSON    bool     `help:"One JSON object a line."`
}

// Run deletes, lists, restores or purges.
func (x *deleteCmd) Run(e *env) error {
	ref, err := x.ref()
	if err != nil {
		return err
	}
	if err := x.check(ref); err != nil {
		return usage{err}
	}
	d, _, err := e.openExisting(&x.dataFlags)
	if err != nil {
		return err
	}
	return errors.Join(x.do(e, d, ref), d.Close())
}

// check refuses what does not go together.
func (x *deleteCmd) check(ref storage.Ref) error {
	named := ref.Study != "" || ref.Series != "" || ref.SOP != ""
	switch {
	case x.List:
		if x.Restore || x.Purge || len(x.Number) > 0 {
			return errors.New("--list goes with none of --restore, --purge, --number")
		}
	case x.Restore && x.Purge:
		return errors.New("either --restore or --purge")
	case len(x.Number) > 0 && named:
		return errors.New("either --number or what is to be deleted")
	case len(x.Number) > 0 && !x.Restore && !x.Purge:
		return errors.New("--number needs --restore or --purge")
	case len(x.Number) > 0:
	case x.Restore:
		return errors.New("--restore needs --number; --list tells it")
	case !named:
		return errors.New("delete needs --study, --series or --instance")
	case x.Reason == "" && x.Code == "":
		return errors.New("delete needs --reason or --code")
	}
	return nil
}

func (x *deleteCmd) do(e *env, d *app.Data, ref storage.Ref) error {
	everything := halong.Everything()
	by := halong.Source{Protocol: "command"}
	if u, err := user.Current(); err == nil {
		by.Peer = u.Username
	}
	if x.List {
		return x.list(e, d, ref)
	}
	partly := 0
	for _, n := range x.Number {
		end := d.Archive.Restore
		if x.Purge {
			end = d.Archive.Purge
		}
		r, err := end(e.ctx, everything, n, by)
		if err != nil {
			return fmt.Errorf("removal %d: %w", n, err)
		}
		if err := x.print(e, r); err != nil {
			return err
		}
		if r.Restored != nil && r.Restored.Gone > 0 && r.Kind == storage.Deleted {
			partly++
		}
	}
	if partly > 0 {
		return incomplete{"not everything came back: a purge had been begun"}
	}
	if len(x.Number) > 0 {
		return nil
	}
	made, err := d.Archive.Delete(e.ctx, storage.Deletion{Scope: everything, Ref: ref, Code: x.Code, Reason: x.Reason, By: by})
	for i := range made {
		r := &made[i]
		if x.Purge && err == nil {
			if r, err = d.Archive.Purge(e.ctx, everything, r.ID, by); err != nil {
				return err
			}
		}
		if perr := x.print(e, r); perr != nil {
			return errors.Join(err, perr)
		}
	}
	return err
}

// list prints removals; those of one study if that is named.
func (x *deleteCmd) list(e *env, d *app.Data, ref storage.Ref) error {
	scope := halong.Everything()
	if ref.Facility != "" {
		scope = halong.Scope{Own: ref.Facility}
	}
	for f := (storage.RemovalFilter{Study: ref.Study}); ; {
		page, err := d.Archive.Removals(e.ctx, scope, f)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			f.Before = page[i].ID
			if err := x.print(e, &page[i]); err != nil {
				return err
			}
		}
	}
}

// print prints one removal on a line.
func (x *deleteCmd) print(e *env, r *storage.Removal) error {
	if x.JSON {
		return json.NewEncoder(e.stdout).Encode(r)
	}
	what := []string{string(r.Study), string(r.Series), string(r.SOP)}
	for len(what) > 1 && what[len(what)-1] == "" {
		what = what[:len(what)-1]
	}
	why := strings.TrimSpace(strings.Join([]string{r.Code, r.Meaning, r.Reason}, " "))
	e.printf("%d\t%s\t%s\t%s\t%s %s\t%s\t%d instances, %d versions hidden\t%q\t%s\n", r.ID, r.At.Format("2006-01-02T15:04:05Z"), r.Kind, r.State,
		r.By.Protocol, printable(r.By.Peer), r.Facility, r.Named, r.Hidden, strings.Join(what, "/"), printable(why))
	if b := r.Restored; b != nil {
		e.printf("%d\t%d instances are visible again, %d are hidden by other removals, %d are gone\n", r.ID, b.Visible, b.Hidden, b.Gone)
		for _, it := range b.Instances {
			e.printf("%d\tgone\t%s/%s/%s\n", r.ID, it.Study, it.Series, it.SOP)
		}
	}
	return nil
}
