package worklist_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist"
)

// attributes makes a Data Set of texts; those of the Scheduled Step Attributes Sequence stand after a ">".
func attributes(pairs ...string) *dataset.Set {
	s, scheduled := &dataset.Set{}, &dataset.Set{}
	for i := 0; i < len(pairs); i += 2 {
		to := s
		name, inside := strings.CutPrefix(pairs[i], ">")
		if inside {
			to = scheduled
		}
		t := map[string]dicom.Tag{
			"status": tag.PerformedProcedureStepStatus, "id": tag.PerformedProcedureStepID, "ae": tag.PerformedStationAETitle, "modality": tag.Modality,
			"start": tag.PerformedProcedureStepStartDate, "at": tag.PerformedProcedureStepStartTime, "end": tag.PerformedProcedureStepEndDate,
			"endtime": tag.PerformedProcedureStepEndTime, "study": tag.StudyInstanceUID, "sps": tag.ScheduledProcedureStepID, "accession": tag.AccessionNumber,
			"name": tag.PatientName,
		}[name]
		to.PutString(t, dicom.VROf(t), pairs[i+1])
	}
	if len(scheduled.Elements) > 0 {
		s.Put(dataset.Element{Tag: tag.ScheduledStepAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{scheduled}})
	}
	return s
}

// begun are the attributes of an N-CREATE for a step.
func begun(study, sps string) *dataset.Set {
	return attributes("status", "IN PROGRESS", "id", "PPS", "ae", "CT1", "modality", "CT", "start", "20261122", "at", "0900", ">study", study, ">sps", sps)
}

// over are the attributes of an N-SET that ends a step.
func over(status, reason string) *dataset.Set {
	s := attributes("status", status, "end", "20261122", "endtime", "0930")
	series := attributes("study", "")
	series.Delete(tag.StudyInstanceUID)
	series.PutString(tag.SeriesInstanceUID, dicom.UI, "2.25.5")
	series.PutString(tag.ProtocolName, dicom.LO, "P")
	s.Put(dataset.Element{Tag: tag.PerformedSeriesSequence, VR: dicom.SQ, Items: []*dataset.Set{series}})
	if reason != "" {
		code := &dataset.Set{}
		code.PutString(tag.CodeValue, dicom.SH, reason)
		s.Put(dataset.Element{Tag: tag.PerformedProcedureStepDiscontinuationReasonCodeSequence, VR: dicom.SQ, Items: []*dataset.Set{code}})
	}
	return s
}

func (w *world) inbound(sop dicom.UID, s *dataset.Set) worklist.Inbound {
	ts, _ := dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian)
	return worklist.Inbound{Facility: "BV1", Source: halong.Source{Peer: "CT1"}, SOP: sop, Syntax: ts.UID, Data: s.Append(nil, ts), At: at.Add(time.Hour)}
}

func (w *world) create(sop dicom.UID, s *dataset.Set) error {
	_, err := w.Create(context.Background(), w.inbound(sop, s))
	return err
}

func (w *world) set(sop dicom.UID, s *dataset.Set) error {
	_, err := w.Set(context.Background(), w.inbound(sop, s))
	return err
}

// What is performed for a step, and what becomes of the step.
func TestPerformed(t *testing.T) {
	w, at := newWorld(t, worklist.PresetIHE, nil), 0
	for name, c := range map[string]struct {
		then []string
		want string
	}{
		"begun":                         {[]string{"1"}, "started: started scheduled"},
		"completed":                     {[]string{"1", "1 COMPLETED"}, "started: completed scheduled"},
		"discontinued":                  {[]string{"1", "1 DISCONTINUED"}, "started: discontinued scheduled"},
		"chosen by mistake":             {[]string{"1", "1 DISCONTINUED 110514"}, "scheduled: scheduled scheduled"},
		"once more":                     {[]string{"1", "1 DISCONTINUED", "2"}, "started: started scheduled"},
		"completed at the second time":  {[]string{"1", "1 DISCONTINUED", "2", "2 COMPLETED"}, "started: completed scheduled"},
		"twice, one goes on":            {[]string{"1", "2", "1 COMPLETED"}, "started: started scheduled"},
		"discontinued after completion": {[]string{"1", "2", "1 COMPLETED", "2 DISCONTINUED"}, "started: completed scheduled"},
	} {
		at++
		w.message("OMI^O23", numbered(at, omi("NW", "SC"))...)
		for _, x := range c.then {
			n, rest, _ := strings.Cut(x, " ")
			status, reason, _ := strings.Cut(rest, " ")
			sop := dicom.UID("2.25.90" + strconv.Itoa(at) + n)
			var err error
			if status == "" {
				err = w.create(sop, begun("2.25.1"+strconv.Itoa(at), "S1"))
			} else {
				err = w.set(sop, over(status, reason))
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := states(w.order("PL1." + strconv.Itoa(at))); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	w.replayed()
}

// What N-SET may not change stays, and is told: texts and sequences, also when they are to be emptied; what says the same is no change.
func TestSetLeaves(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	was := begun("2.25.1", "S1")
	was.PutString(tag.PatientName, dicom.PN, "Lê^An")
	was.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	if err := w.create("2.25.91", was); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  *dataset.Set
		want []dicom.Tag
	}{
		"the same":            {begun("2.25.1", "S1"), nil},
		"another step":        {attributes(">study", "2.25.1", ">sps", "S2"), []dicom.Tag{tag.ScheduledStepAttributesSequence}},
		"less of a step":      {attributes(">study", "2.25.1"), []dicom.Tag{tag.ScheduledStepAttributesSequence}},
		"no step":             {&dataset.Set{Elements: []dataset.Element{{Tag: tag.ScheduledStepAttributesSequence, VR: dicom.SQ}}}, []dicom.Tag{tag.ScheduledStepAttributesSequence}},
		"none, as before":     {&dataset.Set{Elements: []dataset.Element{{Tag: tag.ReferencedPatientSequence, VR: dicom.SQ}}}, nil},
		"another name":        {attributes("name", "Tran^Binh"), []dicom.Tag{tag.PatientName}},
		"no name":             {attributes("name", ""), []dicom.Tag{tag.PatientName}},
		"another modality":    {attributes("modality", "MR", "id", "PPS"), []dicom.Tag{tag.Modality}},
		"nothing but a state": {attributes("status", "IN PROGRESS"), nil},
	} {
		left, err := w.Set(context.Background(), w.inbound("2.25.91", c.set))
		if d := cmp.Diff(c.want, left); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	p, err := w.db.FindPerformed(context.Background(), halong.Everything(), "2.25.91")
	if err != nil || p.Attributes.String(tag.PatientName) != "Lê^An" || p.Attributes.Get(tag.ScheduledStepAttributesSequence).Items[0].String(tag.ScheduledProcedureStepID) != "S1" {
		t.Errorf("%v %+v", err, p)
	}
	w.replayed()
}

// Which step an MPPS is for: IDs alone are used again.
func TestScheduledSteps(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("OMI^O23", omi("NW", "SC")...)
	w.message("OMI^O23", patientOne, "ORC|NW|PL2", "OBR|1|PL2", "IPC|A2|RP2|2.25.2|S1|CT")
	for _, c := range []struct {
		attributes *dataset.Set
		links      int
		order      string
	}{
		{attributes(">study", "2.25.1", ">sps", "S2"), 1, "PL1"},
		{attributes(">study", "2.25.99", ">sps", "S1", ">accession", "A2"), 1, "PL2"},
		{attributes(">study", "2.25.99", ">sps", "S1", ">accession", "A9"), 0, ""},
		{attributes(">study", "2.25.2"), 1, "PL2"},
		{attributes(">study", "2.25.1"), 0, ""}, // two steps: which?
		{attributes(">study", "2.25.98"), 0, ""},
	} {
		s := begun("2.25.1", "S2")
		s.Put(*c.attributes.Get(tag.ScheduledStepAttributesSequence))
		sop, err := w.Create(context.Background(), w.inbound("", s))
		if err != nil || !sop.Valid() {
			t.Fatal(sop, err)
		}
		p, err := w.db.FindPerformed(context.Background(), halong.Everything(), sop)
		if err != nil || len(p.Links) != c.links || c.links > 0 && p.Links[0].Order != w.order(c.order).ID {
			t.Errorf("%+v, %v", p, err)
		}
	}
	w.replayed()
}

// An emergency: the modality begins before the order comes, whose step is completed by what it tells then.
func TestPerformedBeforeItsOrder(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	if err := w.create("2.25.7", begun("2.25.1", "S2")); err != nil {
		t.Fatal(err)
	}
	w.message("OMI^O23", omi("NW", "SC")...)
	if err := w.set("2.25.7", over("COMPLETED", "")); err != nil {
		t.Fatal(err)
	}
	if o := w.order("PL1"); states(o) != "started: scheduled completed" || o.Steps[1].Performed != "2.25.7" {
		t.Errorf("%s, performed by %s", states(o), o.Steps[1].Performed)
	}
	w.replayed()
}

// What breaks table F.7.2-1 is refused with the attribute's name, and nothing of it stays.
func TestAttributeRules(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	without := func(s *dataset.Set, tg dicom.Tag) *dataset.Set { s.Delete(tg); return s }
	for name, c := range map[string]struct {
		err  error
		want *worklist.AttributeError
	}{
		"no sequence": {w.create("2.25.1", without(begun("2.25.1", "S"), tag.ScheduledStepAttributesSequence)), &worklist.AttributeError{Tag: tag.ScheduledStepAttributesSequence, Problem: worklist.Missing}},
		"no study":    {w.create("2.25.1", begun("", "S")), &worklist.AttributeError{Tag: tag.StudyInstanceUID, Problem: worklist.Empty}},
		"no station":  {w.create("2.25.1", without(begun("2.25.1", "S"), tag.PerformedStationAETitle)), &worklist.AttributeError{Tag: tag.PerformedStationAETitle, Problem: worklist.Missing}},
		"completed":   {w.create("2.25.1", attributes("status", "COMPLETED", "id", "P", "ae", "C", "modality", "CT", "start", "20261122", "at", "09", ">study", "2.25.1")), &worklist.AttributeError{Tag: tag.PerformedProcedureStepStatus, Problem: worklist.Wrong}},
	} {
		var got *worklist.AttributeError
		if !errors.As(c.err, &got) || halong.KindOf(c.err) != halong.Invalid {
			t.Errorf("%s: %v", name, c.err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if err := w.set("2.25.1", over("COMPLETED", "")); halong.KindOf(err) != halong.NotExist {
		t.Errorf("nothing should be there: %v", err)
	}
	if err := w.create("2.25.1", begun("2.25.1", "S")); err != nil {
		t.Fatal(err)
	}
	left, err := w.Set(context.Background(), w.inbound("2.25.1", attributes("name", "Other", "modality", "CT")))
	if d := cmp.Diff([]dicom.Tag{tag.PatientName}, left); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	bad := over("COMPLETED", "")
	bad.Delete(tag.PerformedSeriesSequence)
	if err := w.set("2.25.1", bad); halong.KindOf(err) != halong.Invalid {
		t.Errorf("completed without a series: %v", err)
	}
	if err := w.set("2.25.1", over("COMPLETED", "")); err != nil {
		t.Fatal(err)
	}
	if err := w.set("2.25.1", over("COMPLETED", "")); !errors.Is(err, worklist.ErrFinal) || halong.KindOf(err) != halong.Conflict {
		t.Errorf("once more: %v", err)
	}
	lenient := newWorld(t, worklist.PresetIHE, func(c *worklist.Config) { c.MPPS.Lenient = true })
	if err := lenient.create("2.25.1", attributes("status", "IN PROGRESS", ">sps", "S1")); err != nil {
		t.Errorf("lenient: %v", err)
	}
	if err := lenient.set("2.25.1", attributes("status", "COMPLETED")); err != nil {
		t.Errorf("lenient: %v", err)
	}
	lenient.replayed()
}

// What images close, and what they contradict.
func TestImages(t *testing.T) {
	w, n := newWorld(t, worklist.PresetIHE, nil), 0
	for name, c := range map[string]struct {
		images  worklist.Images
		want    string
		differs string
	}{
		"of the study":         {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1"}, "completed: completed completed", ""},
		"of a step":            {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1", StepIDs: []string{"S2"}}, "started: scheduled completed", ""},
		"own study UID":        {worklist.Images{Study: "2.25.66", Accession: "A1", PatientID: "P1"}, "completed: completed completed", "study"},
		"another patient":      {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P2"}, "scheduled: scheduled scheduled", "patient"},
		"another's issuer":     {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1", Issuer: "B"}, "scheduled: scheduled scheduled", "patient"},
		"neither":              {worklist.Images{Study: "2.25.66", Accession: "A1", PatientID: "P2"}, "scheduled: scheduled scheduled", "patient study"},
		"another accession":    {worklist.Images{Study: "2.25.1", Accession: "A7", PatientID: "P1"}, "completed: completed completed", "accession"},
		"no order":             {worklist.Images{Study: "2.25.66", Accession: "A7", PatientID: "P1"}, "scheduled: scheduled scheduled", ""},
		"another modality":     {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1", Modalities: []string{"US", "SR"}}, "scheduled: scheduled scheduled", "modality"},
		"of that modality":     {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1", Modalities: []string{"SR", "CT"}}, "completed: completed completed", ""},
		"its report alone":     {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1", Modalities: []string{"SR"}}, "completed: completed completed", ""},
		"the step says its ID": {worklist.Images{Study: "2.25.1", Accession: "A1", PatientID: "P1", StepIDs: []string{"S2"}, Modalities: []string{"US"}}, "started: scheduled completed", ""},
		"without an accession": {worklist.Images{Study: "2.25.1", PatientID: "P1"}, "completed: completed completed", ""},
	} {
		n++
		x := strconv.Itoa(n)
		w.message("OMI^O23", numbered(n, omi("NW", "SC"))...)
		im := c.images
		im.Facility, im.Study = "BV1", im.Study+dicom.UID(x)
		if im.Accession != "" {
			im.Accession += "." + x
		}
		for range 2 { // the second time nothing is new
			if err := w.db.Update(context.Background(), func(tx halong.Tx) error { return w.Arrived(tx, &im, at) }); err != nil {
				t.Fatal(err)
			}
		}
		all, err := w.db.Mismatches(context.Background(), halong.Everything(), worklist.MismatchListing{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var differs []string
		for _, m := range all {
			if m.Order != w.order("PL1."+x).ID {
				continue
			}
			differs = append(differs, strings.Join(m.Differs, " "))
		}
		if got := states(w.order("PL1." + x)); got != c.want || strings.Join(differs, ", ") != c.differs {
			t.Errorf("%s: %s, %q", name, got, differs)
		}
	}
	w.replayed()
}

// Images of one modality close the steps for it alone, of an order for several: one slip of paper, one accession number.
func TestImagesOfOneModality(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	for _, x := range []string{"US", "DX"} {
		w.message("ORM^O01", patientOne, "ORC|NW|PL"+x, "OBR|1|PL"+x+"||"+x+"1^"+x+"^L||||||||||||||ACC7|RP"+x+"|||||"+x)
	}
	im := worklist.Images{Facility: "BV1", Study: "2.25.77", Accession: "ACC7", PatientID: "P1", Modalities: []string{"CR"}}
	if err := w.db.Update(context.Background(), func(tx halong.Tx) error { return w.Arrived(tx, &im, at) }); err != nil {
		t.Fatal(err)
	}
	if us, dx := states(w.order("PLUS")), states(w.order("PLDX")); us != "scheduled: scheduled" || dx != "completed: completed" {
		t.Errorf("%s, %s", us, dx)
	}
	all, err := w.db.Mismatches(context.Background(), halong.Everything(), worklist.MismatchListing{Limit: 10})
	if err != nil || len(all) != 1 || !cmp.Equal(all[0].Differs, []string{"study"}) || all[0].Order != w.order("PLDX").ID {
		t.Errorf("%v %+v", err, all)
	}
	w.replayed()
}

// Images do not close what a modality says it works on; an operator may.
func TestImagesBesideMPPS(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("OMI^O23", omi("NW", "SC")...)
	if err := w.create("2.25.90", begun("2.25.1", "S1")); err != nil {
		t.Fatal(err)
	}
	im := worklist.Images{Facility: "BV1", Study: "2.25.1", PatientID: "P1"}
	if err := w.db.Update(context.Background(), func(tx halong.Tx) error { return w.Arrived(tx, &im, at) }); err != nil {
		t.Fatal(err)
	}
	o := w.order("PL1")
	if states(o) != "started: started completed" {
		t.Error(states(o))
	}
	for _, c := range []struct {
		scope halong.Scope
		step  int
		to    worklist.Status
		kind  halong.Kind
	}{
		{halong.Scope{Own: "BV2"}, 0, worklist.Completed, halong.NotExist},
		{halong.Everything(), 7, worklist.Completed, halong.NotExist},
		{halong.Everything(), 0, "odd", halong.Invalid},
	} {
		if err := w.SetStatus(context.Background(), c.scope, o.ID, c.step, c.to, halong.Source{}, at); halong.KindOf(err) != c.kind || err == nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := w.SetStatus(context.Background(), halong.Everything(), o.ID, 0, worklist.Completed, halong.Source{}, at); err != nil || states(w.order("PL1")) != "completed: completed completed" {
		t.Error(err, states(w.order("PL1")))
	}
	w.replayed()
}

// A record that cannot be read is damage, never a panic.
func FuzzParseRecord(f *testing.F) {
	f.Add([]byte{1, 2, '{', '}'})
	f.Add([]byte("\x01\x1f" + `{"op":"n-create","sop":"2.25.1"}` + "xxxx"))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := worklist.ParseRecord(b); err != nil && halong.KindOf(err) != halong.Corrupt {
			t.Error(err)
		}
	})
}
