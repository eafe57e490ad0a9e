package worklist_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/worklist"
)

// at is when everything in these tests happens.
var at = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// world is a service over an index, with a journal that can be replayed.
type world struct {
	*worklist.Service
	t        *testing.T
	db       *sqlite.DB
	records  [][]byte
	lines    []string // of the journal: messages and records in their order
	config   worklist.Config
	patient  int64
	patients map[int]int64 // by record
}

// Append implements worklist.Journal.
func (w *world) Append(_ halong.Tx, parts ...[]byte) (uint64, error) {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	w.records = append(w.records, all)
	w.lines = append(w.lines, "")
	return uint64(len(w.lines)), nil
}

// newWorld makes one with a mapping that change may change.
func newWorld(t *testing.T, preset string, change func(*worklist.Config)) *world {
	t.Helper()
	w := &world{t: t, patient: 7}
	m, ok := worklist.Preset(preset)
	if !ok {
		t.Fatal(preset)
	}
	w.config = worklist.Config{Mapping: &m, CloseByImages: true}
	if change != nil {
		change(&w.config)
	}
	w.open()
	return w
}

// open begins with an empty index.
func (w *world) open() {
	w.t.Helper()
	db, err := sqlite.Open(context.Background(), filepath.Join(w.t.TempDir(), "halong.db"), nil, sqlite.Options{Failed: func(err error) { w.t.Error(err) }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.db = db
	c := w.config
	c.Updater, c.Journal, c.Orders, c.Procedures, c.Watch, c.Reader, c.Events = db, w, db, db, db, db, db
	w.Service = worklist.New(c)
}

// message applies the orders of a message, segments divided by line ends, and gives what became of them.
func (w *world) message(kind string, segments ...string) []worklist.Outcome {
	w.t.Helper()
	return w.messageOf("HIS", kind, segments...)
}

// messageOf is message of a sending application (MSH-3).
func (w *world) messageOf(application, kind string, segments ...string) []worklist.Outcome {
	w.t.Helper()
	w.lines = append(w.lines, "MSH|^~\\&|"+application+"|BV|HALONG||20261122080000||"+kind+"|C|P|2.5.1|||||||UNICODE UTF-8\r"+strings.Join(segments, "\r")+"\r")
	if w.patients == nil {
		w.patients = map[int]int64{}
	}
	w.patients[len(w.lines)] = w.patient
	return w.apply(len(w.lines))
}

func (w *world) apply(record int) (done []worklist.Outcome) {
	w.t.Helper()
	h, err := hl7v2.Parse([]byte(w.lines[record-1]))
	if err != nil {
		w.t.Fatal(err)
	}
	requests, _ := worklist.Read(h, w.Mapping())
	err = w.db.Update(context.Background(), func(tx halong.Tx) error {
		done = nil
		for i := range requests {
			from := worklist.Origin{Facility: "BV1", Record: uint64(record), Place: i, At: at.Add(time.Duration(record) * time.Second), Patient: w.patients[record]}
			out, err := w.Apply(tx, &requests[i], from)
			if err != nil {
				return err
			}
			done = append(done, out)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// orders gives all orders as JSON, with the items of their steps.
func (w *world) orders() string {
	w.t.Helper()
	all, err := w.db.List(context.Background(), halong.Everything(), worklist.Listing{Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	for _, o := range all {
		j, err := json.Marshal(o)
		if err != nil {
			w.t.Fatal(err)
		}
		b.Write(j)
		for i := range o.Steps {
			b.Write(o.Steps[i].Attributes.Append(nil, ts))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// order gives the newest order with a number.
func (w *world) order(number string) *worklist.Order {
	w.t.Helper()
	all, err := w.db.List(context.Background(), halong.Everything(), worklist.Listing{Number: number, Limit: 1})
	if err != nil || len(all) == 0 {
		w.t.Fatalf("order %s: %d, %v", number, len(all), err)
	}
	return all[0]
}

// states gives the state of an order and those of its steps.
func states(o *worklist.Order) string {
	out := string(o.Status) + ":"
	for i := range o.Steps {
		out += " " + string(o.Steps[i].Status)
	}
	return out
}

// inStep gives the item of a step's Scheduled Procedure Step Sequence.
func inStep(s *worklist.Step) *dataset.Set {
	return s.Attributes.Get(tag.ScheduledProcedureStepSequence).Items[0]
}

// replayed reads the whole journal into an empty index and compares.
func (w *world) replayed() {
	w.t.Helper()
	before := w.orders()
	w.open()
	records := w.records
	for i, line := range w.lines {
		if line != "" {
			w.apply(i + 1)
			continue
		}
		record := records[0]
		records = records[1:]
		if err := w.db.Update(context.Background(), func(tx halong.Tx) error { return w.Replay(tx, uint64(i+1), record) }); err != nil {
			w.t.Fatal(err)
		}
	}
	if after := w.orders(); after != before {
		w.t.Errorf("after a replay:\n%s\nbefore:\n%s", after, before)
	}
}
