package lab

import (
	"context"
	"encoding/json"
	"errors"

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
	return all, l.complete(ctx, all)
}

// Report gives all versions of one report, as Reader does.
func (l Library) Report(ctx context.Context, scope halong.Scope, id ID) ([]Version, error) {
	all, err := l.Store.Report(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	return all, l.complete(ctx, all)
}

// errLess means that a message does not say what was filed from it.
var errLess = errors.New("the message does not hold the report")

// complete reads what the store gave.
func (l Library) complete(ctx context.Context, versions []Version) error {
	c := completion{Library: l}
	for i := range versions {
		if err := c.complete(ctx, &versions[i]); err != nil {
			return err
		}
	}
	return nil
}

// completion remembers the message that was read last: versions that one message brought stand together.
type completion struct {
	Library
	message uint64 // 0: none
	reports []*Report
	err     error
}

func (c *completion) complete(ctx context.Context, v *Version) (err error) {
	if v.Content != nil {
		v.report, err = v.decode()
	} else {
		if m := v.ID.Message(); m != c.message {
			c.reports = nil // before more is read
			c.message = m
			c.reports, c.err = c.Messages.Reports(ctx, m)
		}
		if err = c.err; err == nil {
			v.report, err = v.among(c.reports)
		}
	}
	if c.StandIn && halong.KindOf(err) == halong.Corrupt {
		v.report, err = v.standIn(), nil
	}
	return err
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
func (v *Version) among(reports []*Report) (*Report, error) {
	n := v.ID.place()
	if n >= len(reports) {
		return nil, halong.E("lab.Library", halong.Corrupt, v.ID.String(), errLess)
	}
	return reports[n], nil
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
