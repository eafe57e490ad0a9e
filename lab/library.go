package lab

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/halong-gateway/halong"
)

// Messages reads messages again.
type Messages interface {
	// Reports gives all that Read finds in a message that was kept, in its order. The error is of kind NotExist if there is no such
	// message, Corrupt if it cannot be read.
	Reports(ctx context.Context, message uint64) ([]*Report, error)
}

// Library gives out versions whole: what the store does not keep of them is read from their messages.
type Library struct {
	Store    Reader
	Messages Messages
	// StandIn gives out versions of damaged messages as what the store knows of them, with a warning, for people to look at. Without
	// it the error is of kind Corrupt.
	StandIn bool
}

// Versions gives all versions of the reports of a patient, as Reader does.
func (l Library) Versions(ctx context.Context, f halong.Facility, patient int64) ([]Version, error) {
	all, err := l.Store.Versions(ctx, f, patient)
	if err != nil {
		return nil, err
	}
	c := completion{Library: l}
	for i := range all {
		if err := c.complete(ctx, all[i:i+1]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Report gives all versions of one report, as Reader does.
func (l Library) Report(ctx context.Context, scope halong.Scope, id ID) (all []Version, err error) {
	for all, err = range l.Reports(ctx, scope, []ID{id}) {
	}
	return all, err
}

// Reports gives all versions of each of several reports, up to the first that fails. A message is read once for those that stand together.
func (l Library) Reports(ctx context.Context, scope halong.Scope, ids []ID) iter.Seq2[[]Version, error] {
	return func(yield func([]Version, error) bool) {
		c := completion{Library: l}
		for _, id := range ids {
			all, err := l.Store.Report(ctx, scope, id)
			if err == nil {
				err = c.complete(ctx, all)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(all, nil) {
				return
			}
		}
	}
}

// errLess means that a message does not say what was filed from it.
var errLess = errors.New("the message does not hold the report")

// completion reads what the store gave, step by step. It remembers the messages of the last step.
type completion struct {
	Library
	read map[uint64]told
}

// told is what a message says.
type told struct {
	reports []*Report
	err     error
}

func (c *completion) complete(ctx context.Context, versions []Version) (err error) {
	before := c.read
	c.read = make(map[uint64]told, 1)
	for i := range versions {
		v := &versions[i]
		if v.Content != nil {
			v.report, err = v.decode()
		} else {
			v.report, err = v.among(c.message(ctx, v.ID.Message(), before))
		}
		if c.StandIn && halong.KindOf(err) == halong.Corrupt {
			v.report, err = v.standIn(), nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// message reads a message, unless this step or the one before did.
func (c *completion) message(ctx context.Context, seq uint64, before map[uint64]told) told {
	t, ok := c.read[seq]
	if !ok {
		t, ok = before[seq]
	}
	if !ok {
		clear(before) // before more is read
		t.reports, t.err = c.Messages.Reports(ctx, seq)
	}
	c.read[seq] = t
	return t
}

// decode reads the contents that the store keeps.
func (v *Version) decode() (*Report, error) {
	r := new(Report)
	if err := json.Unmarshal(v.Content, r); err != nil {
		return nil, halong.E("lab.Library", halong.Corrupt, v.ID.String(), err)
	}
	return r, nil
}

// among gives the version's report of those of its message.
func (v *Version) among(t told) (*Report, error) {
	n := v.ID.place()
	if t.err == nil && n >= len(t.reports) {
		t.err = halong.E("lab.Library", halong.Corrupt, v.ID.String(), errLess)
	}
	if t.err != nil {
		return nil, t.err
	}
	return t.reports[n], nil
}

// damaged is the warning of reports that lack what a damaged message says.
const damaged = "a message is damaged: what it says beyond this cannot be read"

// standIn is what the store knows of a report.
func (v *Version) standIn() *Report {
	r := v.known()
	r.Status, r.Sent, r.Observations, r.Warnings = v.Status, v.Sent, []Observation{}, []string{damaged}
	return r
}

// IndexLab goes on with what is found out after the fact, for at most limit versions, and tells how many are left. A damaged message
// does not keep it from the others.
func (l Library) IndexLab(ctx context.Context, limit int) (behind int64, err error) {
	l.StandIn = true
	for limit > 0 {
		group, err := l.Store.Unindexed(ctx, min(limit, useGroup))
		if len(group) == 0 || err != nil {
			return 0, err
		}
		u, err := l.useOf(ctx, group)
		if err != nil {
			return 0, err
		}
		err = l.Store.AddUse(ctx, group, u)
		if err != nil && halong.KindOf(err) != halong.Conflict { // somebody else did: they are looked at again
			return 0, err
		}
		limit -= len(group)
	}
	return l.Store.Behind(ctx)
}
