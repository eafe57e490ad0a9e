package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// imageWatch compares what arrives with orders. It follows the events, so that storing does not wait for it.
type imageWatch struct {
	data    *Data
	after   time.Duration // how long nothing of a study came
	now     func() time.Time
	log     *slog.Logger
	arrived func(tx halong.Tx, im *worklist.Images, at time.Time) error // the worklist's
}

const (
	watchEvery  = 2 * time.Second
	watchEvents = 1000 // a page
	watchPages  = 16
	watchOnce   = 50
	// watchSince is how old events of an index that was made again may be: what came before was compared then, and is in the journal.
	watchSince = 7 * 24 * time.Hour
	// A study whose comparison failed is compared again after a minute, then two, four … and once a day in the end.
	firstRetry = time.Minute
	lastRetry  = 24 * time.Hour
)

// run works until ctx ends.
func (w *imageWatch) run(ctx context.Context, failed func(error)) {
	every := min(watchEvery, max(w.after/2, 20*time.Millisecond))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watchImages runs an imageWatch.
func (a *App) watchImages(ctx context.Context) {
	w := &imageWatch{a.data, a.config.Worklist.Images.After.Std(), time.Now, a.log, a.data.worklist.Arrived}
	w.run(ctx, func(err error) { a.log.Error("worklist: images could not be compared with orders", "error", err) })
}

// round notes which studies received something, then looks at those that are quiet.
func (w *imageWatch) round(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = w.follow(ctx); err != nil {
			return err
		}
	}
	for {
		due, err := w.data.Index.DueStudies(ctx, w.now().Add(-w.after), watchOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, x := range due {
			err := w.compare(ctx, x)
			if k := halong.KindOf(err); err != nil && ctx.Err() == nil && k != halong.Transient && k != halong.Exhausted { // it alone
				err = w.postpone(ctx, x, err)
			}
			if err != nil {
				return err
			}
		}
	}
}

// follow reads some pages of events and notes what they say in one transaction, for each makes the committer sync its log. It
// tells whether there are more.
func (w *imageWatch) follow(ctx context.Context) (more bool, err error) {
	from, err := w.data.Index.WatchCursor(ctx)
	if err != nil {
		return false, err
	}
	at, last := from, map[worklist.Watched]time.Time{}
	for range watchPages {
		events, err := w.data.Index.EventsSince(ctx, at, watchEvents)
		if err != nil {
			return false, err
		}
		w.gather(last, events)
		if len(events) > 0 {
			at = events[len(events)-1].Seq
		}
		if more = len(events) == watchEvents; !more {
			break
		}
	}
	if at == from {
		return false, nil
	}
	studies := make([]worklist.Watched, 0, len(last))
	for key, received := range last {
		key.Last = received
		studies = append(studies, key)
	}
	return more, w.data.Index.Update(ctx, func(tx halong.Tx) error {
		return w.data.Index.WatchStudies(tx, studies, at)
	})
}

// gather finds when studies received something last.
func (w *imageWatch) gather(last map[worklist.Watched]time.Time, events []halong.Event) {
	oldest := w.now().Add(-watchSince)
	for i := range events {
		e := &events[i]
		if e.Type != halong.EventInstanceStored && e.Type != halong.EventInstanceVersion || e.Time.Before(oldest) {
			continue
		}
		var p struct {
			Study dicom.UID `json:"study"`
		}
		if json.Unmarshal(e.Payload, &p) != nil || p.Study == "" {
			continue // its payload was erased
		}
		key := worklist.Watched{Facility: e.Facility, Study: p.Study}
		if e.Time.After(last[key]) {
			last[key] = e.Time
		}
	}
}

// compare looks what a quiet study means for orders.
func (w *imageWatch) compare(ctx context.Context, x worklist.Watched) error {
	im, err := w.images(ctx, x)
	if err != nil {
		return err
	}
	at := w.now().UTC().Truncate(time.Microsecond)
	return w.data.Index.Update(ctx, func(tx halong.Tx) error {
		if im != nil {
			if err := w.arrived(tx, im, at); err != nil {
				return err
			}
		}
		return w.data.Index.Unwatch(tx, x)
	})
}

// postpone lets a study whose comparison failed wait, so that the others go on.
func (w *imageWatch) postpone(ctx context.Context, x worklist.Watched, why error) error {
	pause := lastRetry
	if x.Tries < 11 { // 2^11 minutes are more than a day
		pause = min(firstRetry<<x.Tries, lastRetry)
	}
	x.Tries++
	x.Since = w.now().Add(pause - w.after)
	x.Reason = halong.KindOf(why).String() // the error's own words may hold patient data
	if e := (*halong.Error)(nil); errors.As(why, &e) {
		x.Reason = e.Op + ": " + x.Reason
	}
	w.log.Error("worklist: a study could not be compared with orders", "study", x.Study.Loggable(), "reason", x.Reason, "tries", x.Tries, "again", pause)
	return w.data.Index.Update(ctx, func(tx halong.Tx) error { return w.data.Index.PostponeStudy(tx, x) })
}

// images reads what is served of a study; nil when it was deleted meanwhile.
func (w *imageWatch) images(ctx context.Context, x worklist.Watched) (im *worklist.Images, err error) {
	scope := halong.Scope{Own: x.Facility}
	key := query.Key{Path: []dicom.Tag{tag.StudyInstanceUID}, VR: dicom.UI, Values: []string{string(x.Study)}}
	for row, err := range w.data.Archive.Find(ctx, scope, storage.Query{Level: storage.LevelStudy, Keys: []query.Key{key}, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		a := row.Attributes
		im = &worklist.Images{
			Facility: x.Facility, Study: x.Study, Accession: a.String(tag.AccessionNumber), PatientID: a.String(tag.PatientID), Issuer: a.String(tag.IssuerOfPatientID),
			Date: a.String(tag.StudyDate),
		}
	}
	if im == nil {
		return nil, nil
	}
	for row, err := range w.data.Archive.Find(ctx, scope, storage.Query{Level: storage.LevelSeries, Keys: []query.Key{key}, Limit: 200}) {
		if err != nil {
			return nil, err
		}
		if m := row.Attributes.String(tag.Modality); m != "" && !slices.Contains(im.Modalities, m) {
			im.Modalities = append(im.Modalities, m)
		}
		if e := row.Attributes.Get(tag.RequestAttributesSequence); e != nil {
			for _, item := range e.Items {
				if id := item.String(tag.ScheduledProcedureStepID); id != "" {
					im.StepIDs = append(im.StepIDs, id)
				}
			}
		}
	}
	return im, nil
}
