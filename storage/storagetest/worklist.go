package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/worklist"
)

// WorklistStore is everything that the service worklist keeps its things in.
type WorklistStore interface {
	halong.Updater
	worklist.Orders
	worklist.Reader
	worklist.Procedures
	worklist.ProceduresReader
	worklist.Queue
	worklist.Watch
	// OrderOf is lab.Reader's; it knows merges.
	OrderOf(ctx context.Context, f halong.Facility, n lab.Numbers) (lab.OrderRef, bool, error)
	AddPatient(tx halong.Tx, p *patient.Patient) (bool, error)
	UpdatePatient(tx halong.Tx, p *patient.Patient) error
}

// Worklist checks the store of orders and procedure steps. open gives an empty one and closes it when the test ends.
func Worklist(t *testing.T, open func(t testing.TB) WorklistStore) {
	for _, s := range []struct {
		name string
		run  func(*testing.T, WorklistStore)
	}{
		{"orders", worklistOrders},
		{"steps", worklistSteps},
		{"list", worklistList},
		{"performed", worklistPerformed},
		{"deliveries", worklistDeliveries},
		{"mismatches", worklistMismatches},
		{"watch", worklistWatch},
		{"specimens", worklistSpecimens},
		{"numbers of reports", worklistNumbers},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, open(t)) })
	}
}

// do runs fn in a transaction.
func do(t *testing.T, s WorklistStore, fn func(tx halong.Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// Order makes an order of two steps; n tells it from others.
func Order(n int, f halong.Facility) *worklist.Order {
	o := &worklist.Order{
		ID: int64(n) << 20, Facility: f, Kind: worklist.Imaging, Placer: worklist.Number{ID: fmt.Sprint("PL", n), Authority: "HIS"},
		Filler: worklist.Number{ID: fmt.Sprint("FL", n)}, Group: "G", Accession: fmt.Sprint("ACC", n), Status: worklist.Scheduled, Patient: int64(n),
		Sent: worklist.Identity{ID: fmt.Sprint("P", n)}, Created: Arrived, Updated: Arrived.Add(time.Duration(n) * time.Second), Message: uint64(n),
		Type: "OMI^O23", Control: "C", Version: "2.5.1", Specimens: []string{"S"},
	}
	for i := range 2 {
		item := &dataset.Set{}
		item.PutString(tag.AccessionNumber, dicom.SH, o.Accession)
		item.PutString(tag.PatientID, dicom.LO, o.Sent.ID)
		item.PutString(tag.PatientName, dicom.PN, "Nguyễn^Đức")
		o.Steps = append(o.Steps, worklist.Step{
			Order: o.ID, Index: i, ID: fmt.Sprintf("SPS%d-%d", n, i), Procedure: fmt.Sprint("RP", n), Study: dicom.UID(fmt.Sprint("2.25.", n)), Modality: "CT",
			Stations: []string{"CT1"}, Start: fmt.Sprintf("202611%02d09%02d00", n, i), Status: worklist.Scheduled, Facility: f, Accession: o.Accession,
			Patient: o.Patient, Attributes: item,
		})
	}
	return o
}

// sameSet compares Data Sets by what they say; in UTF-8, whether they say so or not.
var sameSet = cmp.Options{
	cmp.Comparer(func(a, b *dataset.Set) bool {
		ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
		plain := func(s *dataset.Set) string {
			if s == nil {
				return ""
			}
			out := &dataset.Set{}
			for _, e := range s.Elements {
				if e.Tag != tag.SpecificCharacterSet {
					out.Put(e)
				}
			}
			return string(out.Append(nil, ts))
		}
		return plain(a) == plain(b)
	}),
	cmpopts.EquateEmpty(),
}

func worklistOrders(t *testing.T, s WorklistStore) {
	one, two, lab := Order(1, "BV1"), Order(2, "BV1"), Order(3, "BV2")
	lab.Kind, lab.Attributes, lab.Steps = worklist.Laboratory, lab.Steps[0].Attributes, nil
	do(t, s, func(tx halong.Tx) error {
		for _, o := range []*worklist.Order{one, two, lab} {
			if err := s.PutOrder(tx, o); err != nil {
				return err
			}
		}
		two.Status, two.Steps = worklist.Completed, two.Steps[:1]
		return s.PutOrder(tx, two)
	})
	by := func(f halong.Facility, kind worklist.NumberKind, number string, want ...int64) {
		t.Helper()
		do(t, s, func(tx halong.Tx) error {
			got, err := s.OrdersBy(tx, f, kind, number)
			if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("by %d %q: %s", kind, number, d)
			}
			return err
		})
	}
	by("BV1", worklist.ByPlacer, "PL1", one.ID)
	by("BV2", worklist.ByPlacer, "PL1")
	by("BV1", worklist.ByPlacer, "")
	by("BV1", worklist.ByFiller, "FL2", two.ID)
	by("BV2", worklist.ByAccession, "ACC3", lab.ID)
	by("BV1", worklist.ByGroup, "G", two.ID, one.ID)
	by("BV1", worklist.ByStudy, "2.25.1", one.ID)
	by("BV1", worklist.ByStep, "SPS2-1") // was replaced
	by("BV1", worklist.ByProcedure, "RP1", one.ID)
	do(t, s, func(tx halong.Tx) error {
		for _, want := range []*worklist.Order{one, two, lab} {
			got, err := s.Order(tx, want.ID)
			if err != nil {
				return err
			}
			if d := cmp.Diff(want, got, sameSet); d != "" {
				t.Error(d)
			}
		}
		if _, err := s.Order(tx, 99); halong.KindOf(err) != halong.NotExist {
			t.Errorf("none: %v", err)
		}
		open, err := s.OrdersOf(tx, "BV1", 1)
		if d := cmp.Diff([]int64{one.ID}, open); d != "" {
			t.Error(d)
		}
		if over, _ := s.OrdersOf(tx, "BV1", 2); len(over) > 0 {
			t.Errorf("final: %v", over)
		}
		return err
	})
	do(t, s, func(tx halong.Tx) error {
		if err := s.DeferOrders(tx, []int64{3, 1, 2}, Arrived); err != nil {
			return err
		}
		return s.DeferOrders(tx, []int64{2}, Arrived.Add(time.Minute))
	})
	for i, want := range [][]worklist.Deferred{{{ID: 3, At: Arrived}, {ID: 2, At: Arrived.Add(time.Minute)}}, {{ID: 1, At: Arrived}}, nil} {
		do(t, s, func(tx halong.Tx) error {
			got, err := s.TakeDeferred(tx, 2)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("part %d: %s", i, d)
			}
			return err
		})
	}
}

func worklistSteps(t *testing.T, s WorklistStore) {
	const many = 120 // more than a page
	do(t, s, func(tx halong.Tx) error {
		for n := many; n > 0; n-- {
			o := Order(n, "BV1")
			o.Steps[0].Start, o.Steps[1].Start = fmt.Sprintf("20261101%06d", n), fmt.Sprintf("20261102%06d", n)
			if n == 7 {
				o.Steps[0].Status, o.Status = worklist.Cancelled, worklist.Scheduled
			}
			if err := s.PutOrder(tx, o); err != nil {
				return err
			}
		}
		return s.PutOrder(tx, Order(500, "BV2"))
	})
	count := func(scope halong.Scope, n worklist.Narrow) (starts []string) {
		t.Helper()
		n.Open = true
		for step, err := range s.Steps(context.Background(), scope, n) {
			if err != nil {
				t.Fatal(err)
			}
			starts = append(starts, step.Start)
		}
		return starts
	}
	one := halong.Scope{Own: "BV1"}
	all := count(one, worklist.Narrow{})
	if len(all) != 2*many-1 {
		t.Errorf("%d steps", len(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i-1] > all[i] {
			t.Fatalf("%s before %s", all[i-1], all[i])
		}
	}
	for name, c := range map[string]struct {
		scope halong.Scope
		n     worklist.Narrow
		want  int
	}{
		"nothing visible": {halong.Scope{}, worklist.Narrow{}, 0},
		"everything":      {halong.Everything(), worklist.Narrow{}, 2*many + 1},
		"other facility":  {halong.Scope{Own: "BV2"}, worklist.Narrow{}, 2},
		"accession":       {one, worklist.Narrow{Accessions: []string{"ACC3"}}, 2},
		"accessions":      {one, worklist.Narrow{Accessions: []string{"ACC3", "ACC4", "ACC500"}}, 4},
		"study":           {one, worklist.Narrow{Studies: []dicom.UID{"2.25.7"}}, 1},
		"step":            {one, worklist.Narrow{StepIDs: []string{"SPS8-1"}}, 1},
		"procedure":       {one, worklist.Narrow{Procedures: []string{"RP9"}, Accessions: []string{"ACC9"}}, 2},
		"patient":         {one, worklist.Narrow{PatientIDs: []string{"P10"}}, 2},
		"day":             {one, worklist.Narrow{From: "20261102", To: "20261102"}, many},
		"from":            {one, worklist.Narrow{From: "20261102"}, many},
		"to":              {one, worklist.Narrow{To: "20261101"}, many - 1},
	} {
		if got := count(c.scope, c.n); len(got) != c.want {
			t.Errorf("%s: %d, not %d", name, len(got), c.want)
		}
	}
	for step, err := range s.Steps(context.Background(), one, worklist.Narrow{Open: true, StepIDs: []string{"SPS8-1"}}) {
		want := Order(8, "BV1").Steps[1]
		want.Start = "20261102000008"
		if d := cmp.Diff(&want, step, sameSet); d != "" || err != nil {
			t.Errorf("%v %s", err, d)
		}
	}
}

func worklistList(t *testing.T, s WorklistStore) {
	do(t, s, func(tx halong.Tx) error {
		for n := 1; n <= 5; n++ {
			if err := s.PutOrder(tx, Order(n, map[bool]halong.Facility{true: "BV1", false: "BV2"}[n < 5])); err != nil {
				return err
			}
		}
		return nil
	})
	list := func(scope halong.Scope, l worklist.Listing) (ids []int64) {
		t.Helper()
		if l.Limit == 0 {
			l.Limit = 10
		}
		all, err := s.List(context.Background(), scope, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range all {
			ids = append(ids, o.ID>>20)
		}
		return ids
	}
	last := Order(3, "BV1")
	for name, c := range map[string]struct {
		scope halong.Scope
		l     worklist.Listing
		want  []int64
	}{
		"newest first":  {halong.Everything(), worklist.Listing{}, []int64{5, 4, 3, 2, 1}},
		"one facility":  {halong.Scope{Own: "BV1"}, worklist.Listing{Limit: 2}, []int64{4, 3}},
		"next page":     {halong.Scope{Own: "BV1"}, worklist.Listing{Before: last.Updated.UnixMicro(), BeforeID: last.ID}, []int64{2, 1}},
		"placer":        {halong.Everything(), worklist.Listing{Number: "PL2"}, []int64{2}},
		"filler":        {halong.Everything(), worklist.Listing{Number: "FL2"}, []int64{2}},
		"accession":     {halong.Everything(), worklist.Listing{Number: "ACC5"}, []int64{5}},
		"patient":       {halong.Everything(), worklist.Listing{PatientID: "P4"}, []int64{4}},
		"another state": {halong.Everything(), worklist.Listing{Status: worklist.Completed}, nil},
		"nothing seen":  {halong.Scope{}, worklist.Listing{}, nil},
	} {
		if d := cmp.Diff(c.want, list(c.scope, c.l)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	got, err := s.FindOrderID(context.Background(), halong.Everything(), last.ID)
	if d := cmp.Diff(last, got, sameSet); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if _, err := s.FindOrderID(context.Background(), halong.Scope{Own: "BV2"}, last.ID); halong.KindOf(err) != halong.NotExist {
		t.Errorf("another facility's: %v", err)
	}
}
