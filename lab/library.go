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

// complete reads what the store gave. Versions that one message brought stand together: it is read once.
func (l Library) complete(ctx context.Context, versions []Version) (err error) {
	var message uint64
	var reports []*Report
	for i := range versions {
		v := &versions[i]
		m := v.ID.Message()
		switch {
		case v.Content != nil:
			v.report, err = v.decode()
		case reports == nil || m != message:
			message = m
			reports, err = l.Messages.Reports(ctx, m)
			fallthrough
		default:
			if err == nil {
				v.report, err = v.among(reports)
			}
		}
		if l.StandIn && halong.KindOf(err) == halong.Corrupt {
			v.report, err = v.standIn(), nil
		}
		if err != nil {
			return err
		}
	}
	return nil
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

// standIn is what the store knows of a report.
func (v *Version) standIn() *Report {
	return &Report{
		Service: Coded{Text: v.Service}, Status: v.Status, Accession: v.Accession, Observed: v.Observed, Sent: v.Sent, Observations: []Observation{},
		Warnings: []string{"the message is damaged: what it says beyond this cannot be read"},
	}
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
		if err := l.complete(ctx, group); err != nil {
			return 0, err
		}
		err = l.Store.AddUse(ctx, group, useOf(group))
		if err != nil && halong.KindOf(err) != halong.Conflict { // somebody else did: they are looked at again
			return 0, err
		}
		limit -= len(group)
	}
	return l.Store.Behind(ctx)
}
