package ups_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist/ups"
)

var everything = halong.Everything()

// The column N-CREATE of PS3.4 table CC.2.5-3.
func TestCreateRules(t *testing.T) {
	const code = `{'00080100':{'vr':'SH','Value':['1']},'00080102':{'vr':'SH','Value':['99X']},'00080104':{'vr':'LO','Value':['one']}}`
	w := openWorld(t)
	for i, c := range []struct{ name, more, without, want string }{
		{"all that is demanded", "", "", "B305"},
		{"no state", "", "ProcedureStepState", "0120"},
		{"no priority", "", "ScheduledProcedureStepPriority", "0120"},
		{"no label", "", "ProcedureStepLabel", "0120"},
		{"no start", "", "ScheduledProcedureStepStartDateTime", "0120"},
		{"no readiness", "", "InputReadinessState", "0120"},
		{"empty label", `'00741204':{'vr':'LO'}`, "", "0121"},
		{"blank label", `'00741204':{'vr':'LO','Value':[' ']}`, "", "0121"},
		{"another state", `'00741000':{'vr':'CS','Value':['COMPLETED']}`, "", "C309"},
		{"another priority", `'00741200':{'vr':'CS','Value':['STAT']}`, "", "0106"},
		{"two priorities", `'00741200':{'vr':'CS','Value':['HIGH','LOW']}`, "", "0106"},
		{"another readiness", `'00404041':{'vr':'CS','Value':['SOON']}`, "", "0106"},
		{"no time", `'00404005':{'vr':'DT','Value':['tomorrow']}`, "", "0106"},
		{"a Transaction UID", `'00081195':{'vr':'UI','Value':['2.25.1']}`, "", "0106"},
		{"an empty Transaction UID", `'00081195':{'vr':'UI'}`, "", "B305"},
		{"progress", `'00741002':{'vr':'SQ','Value':[{'00741004':{'vr':'DS','Value':[1]}}]}`, "", "0106"},
		{"empty progress", `'00741002':{'vr':'SQ'}`, "", "B305"},
		{"performed", `'00741216':{'vr':'SQ','Value':[{}]}`, "", "0106"},
		{"another SOP class", `'00080016':{'vr':'UI','Value':['1.2.840.10008.5.1.4.34.6.2']}`, "", "0106"},
		{"its SOP class and instance", `'00080016':{'vr':'UI','Value':['1.2.840.10008.5.1.4.34.6.1']},'00080018':{'vr':'UI','Value':['1.2']}`, "", "B305"},
		{"another SOP instance", `'00080018':{'vr':'UI','Value':['1.3']}`, "", "0106"},
		{"a code", `'00404018':{'vr':'SQ','Value':[` + code + `]}`, "", "B305"},
		{"a code without a scheme", `'00404018':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['1']},'00080104':{'vr':'LO','Value':['one']}}]}`, "", "0120"},
		{"a code without a meaning", `'00404025':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['1']},'00080102':{'vr':'SH','Value':['99X']}}]}`, "", "0120"},
		{"a URN", `'00404018':{'vr':'SQ','Value':[{'00080120':{'vr':'UR','Value':['urn:x']},'00080104':{'vr':'LO','Value':['one']}}]}`, "", "B305"},
		{"a performer without a name", `'00404034':{'vr':'SQ','Value':[{'00404009':{'vr':'SQ','Value':[` + code + `]}}]}`, "", "0120"},
		{"a performer", `'00404034':{'vr':'SQ','Value':[{'00404009':{'vr':'SQ','Value':[` + code + `]},'00404037':{'vr':'PN','Value':[{'Alphabetic':'A'}]},'00404036':{'vr':'LO','Value':['BV']}}]}`, "", "B305"},
		{"a request without a study", `'0040A370':{'vr':'SQ','Value':[{}]}`, "", "0120"},
		{"a replaced step", `'00741224':{'vr':'SQ','Value':[{'00081150':{'vr':'UI','Value':['1.2']}}]}`, "", "0120"},
		{"text where a sequence belongs", `'00404018':{'vr':'LO','Value':['x']}`, "", "0106"},
		{"too large", `'00091001':{'vr':'UT','Value':['` + strings.Repeat("x", 1<<20) + `']},'00090010':{'vr':'LO','Value':['X']}`, "", "0106"},
	} {
		t.Run(c.name, func(t *testing.T) {
			attrs := order(t)
			for _, e := range set(t, c.more).Elements {
				attrs.Put(e)
			}
			if e, ok := dicom.LookupKeyword(c.without); ok {
				attrs.Delete(e.Tag)
			}
			f := halong.Facility(fmt.Sprint("F", i)) // each its own
			_, status, err := w.Create(ctx, f, "1.2", attrs)
			if got := statusOf(status, err); got != c.want {
				t.Errorf("status %s, want %s (%v)", got, c.want, err)
			}
		})
	}
}

// What a workitem has that was created with no more than is demanded.
func TestCreateFillsIn(t *testing.T) {
	w := openWorld(t, func(c *ups.Config) { c.Label = "READING" })
	attrs := order(t)
	attrs.PutString(tag.PatientID, dicom.LO, "P")
	attrs.PutString(tag.ScheduledProcedureStepModificationDateTime, dicom.DT, "1999")
	attrs.PutString(tag.AffectedSOPInstanceUID, dicom.UI, "1.2")
	attrs.PutString(tag.ScheduledProcedureStepStartDateTime, dicom.LO, "20261122") // a peer that takes VRs lightly
	uid, _, err := w.Create(ctx, bv1, "", attrs)
	w.must(err)
	if !strings.HasPrefix(string(uid), "2.25.") {
		t.Errorf("UID %s", uid)
	}
	it, err := w.Retrieve(ctx, everything, uid)
	w.must(err)
	for tg, want := range map[dicom.Tag]string{
		tag.SOPClassUID: string(ups.SOPClass), tag.SOPInstanceUID: string(uid), tag.WorklistLabel: "READING", tag.PatientID: "P",
		tag.ScheduledProcedureStepModificationDateTime: "20261122080001.000000+0000", tag.ProcedureStepState: "SCHEDULED",
	} {
		if got := it.Attributes.String(tg); got != want {
			t.Errorf("%v: %q, want %q", tg, got, want)
		}
	}
	for _, tg := range []dicom.Tag{tag.ScheduledWorkitemCodeSequence, tag.InputInformationSequence, tag.UnifiedProcedureStepPerformedProcedureSequence, tag.PatientBirthDate} {
		if it.Attributes.Get(tg) == nil {
			t.Errorf("%v is not there", tg)
		}
	}
	if it.Attributes.Get(tag.AffectedSOPInstanceUID) != nil || it.Attributes.Get(tag.TransactionUID) != nil || it.Attributes.Get(tag.ScheduledProcedureStepStartDateTime).VR != dicom.DT {
		t.Error("there is what does not belong there")
	}
}

// The column N-SET.
func TestSetRules(t *testing.T) {
	w := openWorld(t)
	for i, c := range []struct{ name, changes, want string }{
		{"readiness", `'00404041':{'vr':'CS','Value':['UNAVAILABLE']}`, "0000"},
		{"an empty label", `'00741204':{'vr':'LO'}`, "0121"},
		{"another priority", `'00741200':{'vr':'CS','Value':['URGENT']}`, "0106"},
		{"the state", `'00741000':{'vr':'CS','Value':['IN PROGRESS']}`, "0106"},
		{"the state that it has", `'00741000':{'vr':'CS','Value':['SCHEDULED']}`, "0000"},
		{"the patient", `'00100010':{'vr':'PN','Value':[{'Alphabetic':'Other'}]}`, "0106"},
		{"the patient that it has", `'00100010':{'vr':'PN','Value':[{'Alphabetic':'Nguyễn^Văn A'}]}`, "0000"},
		{"the UID", `'00080018':{'vr':'UI','Value':['1.9']}`, "0106"},
		{"the time of modification", `'00404010':{'vr':'DT','Value':['1999']}`, "0000"},
		{"a contact without a URI", `'00741002':{'vr':'SQ','Value':[{'00741008':{'vr':'SQ','Value':[{'0074100C':{'vr':'LO','Value':['A']}}]}}]}`, "0120"},
		{"what the table does not name", `'00102160':{'vr':'SH','Value':['Kinh']}`, "0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			uid := dicom.UID(fmt.Sprint("1.2.", i))
			w.create(bv1, uid)
			if got := statusOf(0, w.Set(ctx, bv1, uid, "", set(t, c.changes))); got != c.want {
				t.Errorf("status %s, want %s", got, c.want)
			}
		})
	}
}

// The column of final states: what keeps a workitem from being COMPLETED or CANCELED.
func TestFinalStates(t *testing.T) {
	w := openWorld(t)
	for i, c := range []struct {
		name, set string
		to        ups.State
		want      string
	}{
		{"nothing performed", "", ups.Completed, "C304"},
		{"performed", performed, ups.Completed, "0000"},
		{"no end", strings.Replace(performed, "'00404051'", "'00404052'", 1), ups.Completed, "C304"},
		{"no station", strings.Replace(performed, "'00404028'", "'00404029'", 1), ups.Completed, "C304"},
		{"no output", strings.Replace(performed, "'00404033'", "'00404034'", 1), ups.Completed, "C304"},
		{"no reason", "", ups.Canceled, "C304"},
		{"a reason", why, ups.Canceled, "0000"},
		{"a reason without a time", strings.Replace(why, "'00404052'", "'00404053'", 1), ups.Canceled, "C304"},
		{"a reason, to be completed", why, ups.Completed, "C304"},
	} {
		t.Run(c.name, func(t *testing.T) {
			uid := dicom.UID(fmt.Sprint("1.2.", i))
			w.bring(uid, ups.InProgress)
			w.must(w.Set(ctx, bv1, uid, "2.25.1", set(t, c.set)))
			if got := statusOf(w.ChangeState(ctx, bv1, uid, c.to, "2.25.1")); got != c.want {
				t.Errorf("status %s, want %s", got, c.want)
			}
		})
	}
}

// What is reported of changes (PS3.4 CC.2.4.3), and what is not.
func TestReports(t *testing.T) {
	w := openWorld(t)
	w.must(w.Subscribe(ctx, bv1, ups.Worklist, "A", false, nil))
	const station = `'00404025':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['CT1']},'00080102':{'vr':'SH','Value':['99X']},'00080104':{'vr':'LO','Value':['CT one']}}]}`
	performer := func(code string) string {
		return `{'00404009':{'vr':'SQ','Value':[{'00080100':{'vr':'SH','Value':['` + code + `']},'00080102':{'vr':'SH','Value':['99X']},'00080104':{'vr':'LO','Value':['x']}}]},
			'00404037':{'vr':'PN','Value':[{'Alphabetic':'A'}]},'00404036':{'vr':'LO','Value':['BV']}}`
	}
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"a new one that is assigned", func() error { w.create(bv1, "1.2", station); return nil }, []string{"1 1.2 SCHEDULED", "5 1.2 station CT1"}},
		{"the same station", func() error { return w.Set(ctx, bv1, "1.2", "", set(t, station)) }, nil},
		{"performers", func() error {
			return w.Set(ctx, bv1, "1.2", "", set(t, `'00404034':{'vr':'SQ','Value':[`+performer("A1")+","+performer("B2")+`]}`))
		}, []string{"5 1.2 performer A1", "5 1.2 performer B2"}},
		{"no station any more", func() error { return w.Set(ctx, bv1, "1.2", "", set(t, `'00404025':{'vr':'SQ'}`)) }, nil},
		{"a comment", func() error { return w.Set(ctx, bv1, "1.2", "", set(t, `'00400400':{'vr':'LT','Value':['x']}`)) }, nil},
		{"readiness", func() error {
			return w.Set(ctx, bv1, "1.2", "", set(t, `'00404041':{'vr':'CS','Value':['INCOMPLETE']}`))
		}, []string{"1 1.2 SCHEDULED"}},
		{"a claim", func() error { _, err := w.ChangeState(ctx, bv1, "1.2", ups.InProgress, "2.25.1"); return err }, []string{"1 1.2 IN PROGRESS"}},
		{"progress", func() error {
			return w.Set(ctx, bv1, "1.2", "2.25.1", set(t, `'00741002':{'vr':'SQ','Value':[{'00741004':{'vr':'DS','Value':[50]}}]}`))
		}, []string{"3 1.2 progress 50"}},
		{"why it was canceled is no progress", func() error { return w.Set(ctx, bv1, "1.2", "2.25.1", set(t, why)) }, nil},
		{"canceled", func() error { _, err := w.ChangeState(ctx, bv1, "1.2", ups.Canceled, "2.25.1"); return err }, []string{"1 1.2 CANCELED"}},
		{"refused", func() error { _, err := w.ChangeState(ctx, bv1, "1.2", ups.Canceled, "2.25.1"); return err }, nil},
	} {
		w.must(c.do())
		if d := cmp.Diff(c.want, w.waiting("A")); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}
