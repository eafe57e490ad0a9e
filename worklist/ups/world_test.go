package ups_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/worklist/ups"
)

// world is a service over a real index, with a journal in memory and a clock that is set.
type world struct {
	*ups.Service
	t       testing.TB
	db      *sqlite.DB
	records [][]byte // what was journaled, of transactions that failed too
	now     time.Time
}

func openWorld(t testing.TB, change ...func(*ups.Config)) *world {
	t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "index", "halong.db"), nil, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, db: db, now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	c := ups.Config{Updater: db, Store: db, Journal: w, Events: db, Now: func() time.Time { w.now = w.now.Add(time.Second); return w.now }, PollEvery: 10 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	w.Service = ups.New(c)
	return w
}

// AppendWorkitem implements ups.Journal.
func (w *world) AppendWorkitem(_ halong.Tx, parts ...[]byte) error {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	w.records = append(w.records, b)
	return nil
}

var ctx = context.Background()

const (
	bv1 halong.Facility = "BV1"
	bv2 halong.Facility = "BV2"
)

// set makes a data set of JSON members with single quotes.
func set(t testing.TB, members string) *dataset.Set {
	t.Helper()
	s, _, err := dicomjson.Decode([]byte("{"+strings.ReplaceAll(members, "'", `"`)+"}"), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// order gives what N-CREATE demands.
func order(t testing.TB) *dataset.Set {
	return set(t, `'00741000':{'vr':'CS','Value':['SCHEDULED']},'00741200':{'vr':'CS','Value':['MEDIUM']},'00741204':{'vr':'LO','Value':['Read']},
		'00404005':{'vr':'DT','Value':['20261122080000']},'00404041':{'vr':'CS','Value':['READY']},'00100010':{'vr':'PN','Value':[{'Alphabetic':'Nguyễn^Văn A'}]}`)
}

const performed = `'00741216':{'vr':'SQ','Value':[{
	'00404028':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['CT1']},'00080102':{'vr':'SH','Value':['99X']},'00080104':{'vr':'LO','Value':['CT one']}}]},
	'00404050':{'vr':'DT','Value':['20261122080000']},'00404051':{'vr':'DT','Value':['20261122081500']},
	'00404019':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['1']},'00080102':{'vr':'SH','Value':['99X']},'00080104':{'vr':'LO','Value':['one']}}]},
	'00404033':{'vr':'SQ'}}]}`

const why = `'00741002':{'vr':'SQ','Value':[{'00404052':{'vr':'DT','Value':['20261122081000']},
	'0074100E':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['1']},'00080102':{'vr':'SH','Value':['99X']},'00080104':{'vr':'LO','Value':['one']}}]}}]}`

// create makes a workitem.
func (w *world) create(f halong.Facility, uid dicom.UID, more ...string) {
	w.t.Helper()
	attrs := order(w.t)
	for _, m := range more {
		for _, e := range set(w.t, m).Elements {
			attrs.Put(e)
		}
	}
	if _, _, err := w.Create(ctx, f, uid, attrs); err != nil {
		w.t.Fatal(err)
	}
}

// bring takes a new workitem to a state; its Transaction UID is 2.25.1.
func (w *world) bring(uid dicom.UID, to ups.State) {
	w.t.Helper()
	w.create(bv1, uid)
	if to == ups.Scheduled {
		return
	}
	w.ok(w.ChangeState(ctx, bv1, uid, ups.InProgress, "2.25.1"))
	switch to {
	case ups.Completed:
		w.must(w.Set(ctx, bv1, uid, "2.25.1", set(w.t, performed)))
	case ups.Canceled:
		w.must(w.Set(ctx, bv1, uid, "2.25.1", set(w.t, why)))
	default:
		return
	}
	w.ok(w.ChangeState(ctx, bv1, uid, to, "2.25.1"))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ok(_ ups.Status, err error) {
	w.t.Helper()
	w.must(err)
}

// statusOf gives the status of an answer as four hexadecimal digits.
func statusOf(s ups.Status, err error) string {
	var r *ups.Refusal
	switch {
	case errors.As(err, &r):
		s = r.Status
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("%04X", uint16(s))
}

// waiting tells what waits for an AE: type, workitem and what is told, and takes it away.
func (w *world) waiting(ae dicom.AETitle) (list []string) {
	w.t.Helper()
	all, err := w.db.WaitingReports(ctx, bv1, ae, 0, 1000)
	w.must(err)
	for _, r := range all {
		info, _, err := dicomjson.Decode(r.Info, dataset.Limits{})
		w.must(err)
		said := info.String(tag.ProcedureStepState) + info.String(tag.RequestingAE)
		if e := info.Get(tag.ScheduledStationNameCodeSequence); e != nil {
			said += "station " + e.Items[0].String(tag.CodeValue)
		}
		if e := info.Get(tag.HumanPerformerCodeSequence); e != nil {
			said += "performer " + e.Items[0].String(tag.CodeValue)
		}
		if e := info.Get(tag.ProcedureStepProgressInformationSequence); e != nil {
			said += "progress " + e.Items[0].String(tag.ProcedureStepProgress)
		}
		if v := info.String(tag.ReasonForCancellation); v != "" {
			said += " because " + v
		}
		list = append(list, fmt.Sprintf("%d %s %s", r.Type, r.UID, said))
	}
	if len(all) > 0 {
		w.must(w.db.Update(ctx, func(tx halong.Tx) error { return w.db.Delivered(tx, bv1, ae, nil) }))
	}
	return list
}

// dump writes all that the index knows of workitems.
func (w *world) dump() (list []string) {
	w.t.Helper()
	w.must(w.db.Update(ctx, func(tx halong.Tx) error {
		list = nil
		for _, f := range w.db.Facilities(halong.Everything()) {
			items, err := w.db.ItemsAfter(tx, f, "", 1<<20)
			if err != nil {
				return err
			}
			for _, it := range items {
				subs, err := w.db.Subscriptions(tx, f, it.UID)
				if err != nil {
					return err
				}
				list = append(list, fmt.Sprint(f, it.UID, it.State, it.Transaction, it.Revision, it.Created, it.Changed, subs, string(dicomjson.AppendSet(nil, it.Attributes, dicomjson.Options{}))))
			}
			globals, err := w.db.Globals(tx, f)
			if err != nil {
				return err
			}
			list = append(list, fmt.Sprint(f, globals))
			aes, err := w.db.Subscribers(tx, f, true)
			if err != nil {
				return err
			}
			for _, ae := range aes {
				list = append(list, string(ae))
			}
		}
		return nil
	}))
	for _, f := range w.db.Facilities(halong.Everything()) {
		for _, ae := range []dicom.AETitle{"A", "B", "C"} {
			all, err := w.db.WaitingReports(ctx, f, ae, 0, 1000)
			w.must(err)
			for _, r := range all {
				list = append(list, fmt.Sprint(f, ae, r.Key, r.Type, r.UID, r.At, string(r.Info)))
			}
		}
	}
	events, err := w.db.EventsSince(ctx, 0, 1000)
	w.must(err)
	for _, e := range events {
		list = append(list, fmt.Sprint(e.Seq, e.Type, e.Facility, e.Time, string(e.Payload)))
	}
	return list
}
