package ups_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/worklist/ups"
)

// found gives facility and UID of what a search finds.
func (w *world) found(scope halong.Scope, pairs ...string) (list []string) {
	w.t.Helper()
	q := ups.Query{Rules: query.Rules{Fuzzy: true}}
	for i := 0; i < len(pairs); i += 2 {
		e, ok := dicom.LookupKeyword(pairs[i])
		if !ok {
			w.t.Fatal(pairs[i])
		}
		k, err := query.Parse([]dicom.Tag{e.Tag}, e.VR, pairs[i+1])
		w.must(err)
		q.Keys = append(q.Keys, k)
	}
	for it, err := range w.Find(ctx, scope, q) {
		w.must(err)
		list = append(list, string(it.Facility)+" "+string(it.UID))
	}
	return list
}

func TestFind(t *testing.T) {
	w := openWorld(t)
	start := func(v string) string { return `'00404005':{'vr':'DT','Value':['` + v + `']}` }
	w.create(bv1, "1.1", start("20261122080000"), `'00100020':{'vr':'LO','Value':['P1']}`)
	w.create(bv1, "1.2", start("20261121"), `'00100020':{'vr':'LO','Value':['P2']}`)
	w.create(bv2, "1.1", start("20261120"))
	w.create(bv2, "1.3", start("20261122100000+0700"), `'00741202':{'vr':'LO','Value':['Đọc']}`)
	w.create(bv1, "1.4", start("20261130"))
	w.ok(w.RequestCancel(ctx, bv1, "1.4", "A", set(t, "")))
	only := halong.Scope{Own: bv1}
	both := halong.Scope{Own: bv1, Visible: []halong.Facility{bv2}}
	for _, c := range []struct {
		name  string
		scope halong.Scope
		keys  []string
		want  []string
	}{
		{"one facility", only, nil, []string{"BV1 1.2", "BV1 1.1", "BV1 1.4"}},
		{"two, the own one's first", both, nil, []string{"BV1 1.2", "BV2 1.3", "BV1 1.1", "BV1 1.4"}},
		{"nobody", halong.Scope{}, nil, nil},
		{"what hides another matches as it is itself", both, []string{"ScheduledProcedureStepStartDateTime", "20261120-20261121"}, []string{"BV1 1.2"}},
		{"state", both, []string{"ProcedureStepState", "CANCELED"}, []string{"BV1 1.4"}},
		{"a pattern of states", both, []string{"ProcedureStepState", "CANC*"}, []string{"BV1 1.4"}},
		{"states", both, []string{"ProcedureStepState", `CANCELED\COMPLETED`}, []string{"BV1 1.4"}},
		{"patient", both, []string{"PatientID", "P2"}, []string{"BV1 1.2"}},
		{"patients", both, []string{"PatientID", "P?"}, []string{"BV1 1.2", "BV1 1.1"}},
		{"name without diacritics", only, []string{"PatientName", "van nguyen", "ProcedureStepState", "SCHEDULED"}, []string{"BV1 1.2", "BV1 1.1"}},
		{"a day", only, []string{"ScheduledProcedureStepStartDateTime", "20261122"}, []string{"BV1 1.1"}},
		{"from on", both, []string{"ScheduledProcedureStepStartDateTime", "20261122-"}, []string{"BV2 1.3", "BV1 1.1", "BV1 1.4"}},
		{"up to", only, []string{"ScheduledProcedureStepStartDateTime", "-20261121"}, []string{"BV1 1.2"}},
		{"label", both, []string{"WorklistLabel", "Đọc"}, []string{"BV2 1.3"}},
		{"UIDs", both, []string{"SOPInstanceUID", `1.1\1.3\9.9`}, []string{"BV2 1.3", "BV1 1.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, w.found(c.scope, c.keys...)); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := w.Retrieve(ctx, only, "1.3"); halong.KindOf(err) != halong.NotExist {
		t.Errorf("another facility's: %v", err)
	}
}

// Many workitems are found page by page, each once, in order.
func TestFindMany(t *testing.T) {
	w := openWorld(t)
	var want []string
	w.must(w.db.Update(ctx, func(tx halong.Tx) error {
		want = nil
		for i := range 100 {
			uid := dicom.UID(fmt.Sprintf("1.2.%03d", i))
			if err := w.Put(tx, bv1, uid, order(t), w.now); err != nil {
				return err
			}
			want = append(want, "BV1 "+string(uid))
		}
		return nil
	}))
	if d := cmp.Diff(want, w.found(everything, "ProcedureStepLabel", "R*d")); d != "" {
		t.Error(d)
	}
}
