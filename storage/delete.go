package storage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
)

// Deletion says what is to be deleted, by whom and why.
type Deletion struct {
	Scope  halong.Scope // only what it sees is deleted
	Ref    Ref          // a study, series or instance; of Facility alone if that is set
	Code   string       // see ReasonMeaning; may be empty
	Reason string       // no patient data
	By     halong.Source
}

// removeBatch is how many SOP Instances, or versions, one transaction hides, shows again or purges.
const removeBatch = 500

// Delete hides every version of every instance that the reference names, until it is purged or restored. It gives one removal for each
// facility and study concerned, in the order in which they were made. The error is of kind NotExist when there was nothing.
func (a *Archive) Delete(ctx context.Context, x Deletion) ([]Removal, error) {
	const op = "storage.Delete"
	if _, ok := ReasonMeaning(x.Code); !ok && x.Code != "" {
		return nil, halong.E(op, halong.Invalid, "", errors.New("the code of the reason is not known"))
	}
	refs, err := a.studiesOf(ctx, x.Scope, x.Ref)
	if err != nil {
		return nil, err
	}
	var out []Removal
	for _, ref := range refs {
		id, err := a.deleteIn(ctx, &x, ref)
		if id != 0 {
			r, rerr := a.index.Removal(ctx, halong.Everything(), id)
			if rerr == nil {
				out = append(out, *r)
			}
			err = errors.Join(err, rerr)
		}
		if err != nil {
			return out, err
		}
	}
	if len(out) == 0 {
		return nil, halong.E(op, halong.NotExist, string(x.Ref.Study), nil)
	}
	return out, nil
}

// studiesOf gives the reference for each facility and study that it may concern.
func (a *Archive) studiesOf(ctx context.Context, scope halong.Scope, ref Ref) (out []Ref, err error) {
	if ref.Study != "" {
		facilities, err := a.index.Holders(ctx, scope, ref)
		for _, f := range facilities {
			ref.Facility = f
			out = append(out, ref)
		}
		return out, err
	}
	ref.AllVersions = true
	for in, err := range a.index.Instances(ctx, scope, ref) {
		if err != nil {
			return nil, err
		}
		one := Ref{Facility: in.Facility, Study: in.Study, Series: ref.Series, SOP: ref.SOP}
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out, nil
}

// deleteIn deletes within one study of one facility; 0 when there was nothing.
func (a *Archive) deleteIn(ctx context.Context, x *Deletion, ref Ref) (removal uint64, err error) {
	d := decision{
		Action: actionRemove, Kind: Deleted, Facility: ref.Facility, Study: ref.Study, Series: ref.Series, SOP: ref.SOP,
		Code: x.Code, Reason: x.Reason, By: x.By, Again: a.againOf(x.Code),
	}
	for {
		d.At = a.now().UTC().Truncate(time.Microsecond)
		d.Removal = removal
		var seq uint64
		done := false
		err := a.index.Update(ctx, func(tx halong.Tx) error {
			items, err := a.index.Removable(tx, ref, removeBatch)
			if done = len(items) == 0; done || err != nil {
				return err
			}
			d.Items = bySeries(items)
			if seq, _, err = a.record(tx, &d); err != nil || ref.Series == "" {
				return err
			}
			return a.takeBackNotes(tx, &d, cmp.Or(removal, seq), items)
		})
		if err != nil || done {
			return removal, err
		}
		removal = cmp.Or(removal, seq)
	}
}

// takeBackNotes takes back what deleted notes rejected. Those that go with their whole study stay in force: what they reject goes with it.
func (a *Archive) takeBackNotes(tx halong.Tx, d *decision, cause uint64, items []RemovedItem) error {
	ids, err := a.index.RejectionsBy(tx, d.Facility, items)
	if err != nil {
		return err
	}
	for _, id := range ids {
		back := decision{Action: actionRestore, Facility: d.Facility, Removal: id, Cause: cause, By: d.By, At: d.At}
		if _, _, err := a.record(tx, &back); err != nil {
			return err
		}
	}
	return nil
}

// Restore takes a removal back: what it hides is served again, unless another one in force names it. The error is of kind Conflict when it
// was restored or purged before. The restored removal is given, and in Removal.Restored what came back: not all does if a purge was begun.
func (a *Archive) Restore(ctx context.Context, scope halong.Scope, removal uint64, by halong.Source) (*Removal, error) {
	r, err := a.end(ctx, scope, removal, by, actionRestore)
	if err == nil {
		r.Restored, err = a.index.Restored(ctx, removal, toldGone)
	}
	return r, err
}

// toldGone is how many SOP Instances that did not come back are named.
const toldGone = 1000

// Purge gives up what a removal hides; the bytes go when Collect finds them unreferenced. The error is of kind Conflict when it was restored
// or purged before. The purged removal is given.
func (a *Archive) Purge(ctx context.Context, scope halong.Scope, removal uint64, by halong.Source) (*Removal, error) {
	return a.end(ctx, scope, removal, by, actionPurge)
}

var errEnded = errors.New("the removal was restored or purged before")

// end ends a removal, one batch after the other.
func (a *Archive) end(ctx context.Context, scope halong.Scope, removal uint64, by halong.Source, action string) (*Removal, error) {
	r, err := a.index.Removal(ctx, scope, removal)
	if err != nil {
		return nil, err
	}
	d := decision{Action: action, Facility: r.Facility, Removal: removal, By: by, Limit: removeBatch}
	for more := true; more; {
		d.At = a.now().UTC().Truncate(time.Microsecond)
		err := a.index.Update(ctx, func(tx halong.Tx) error {
			state, err := a.index.StateOf(tx, removal)
			if err == nil && state != RemovalHides {
				err = halong.E("storage."+action, halong.Conflict, "", errEnded)
			}
			if err == nil {
				_, more, err = a.record(tx, &d)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return a.index.Removal(ctx, scope, removal)
}

// PurgeDue purges removals that due says are old enough. It gives how many were.
func (a *Archive) PurgeDue(ctx context.Context, due func(*Removal) bool) (n int, err error) {
	by := halong.Source{Protocol: "policy"}
	for f := (RemovalFilter{State: RemovalHides, Uncounted: true}); ; {
		page, err := a.index.Removals(ctx, halong.Everything(), f)
		if err != nil || len(page) == 0 {
			return n, err
		}
		for i := range page {
			f.Before = page[i].ID
			if page[i].Hidden == 0 || !due(&page[i]) {
				continue
			}
			_, err := a.Purge(ctx, halong.Everything(), page[i].ID, by)
			if halong.KindOf(err) == halong.Conflict { // somebody restored it meanwhile
				continue
			}
			if err != nil {
				return n, err
			}
			n++
		}
	}
}

// Removals gives removals, the newest first; see RemovalIndex.
func (a *Archive) Removals(ctx context.Context, scope halong.Scope, f RemovalFilter) ([]Removal, error) {
	return a.index.Removals(ctx, scope, f)
}

// Removal gives one; see RemovalIndex.
func (a *Archive) Removal(ctx context.Context, scope halong.Scope, id uint64) (*Removal, error) {
	return a.index.Removal(ctx, scope, id)
}

// WasDeleted tells whether a deletion in force named what ref names, or what it is part of, and nothing of it is visible.
func (a *Archive) WasDeleted(ctx context.Context, scope halong.Scope, ref Ref) (bool, error) {
	deleted, err := a.index.WasDeleted(ctx, scope, ref)
	if !deleted || err != nil {
		return false, err
	}
	for _, err := range a.index.Instances(ctx, scope, ref) {
		return false, err
	}
	return true, nil
}
