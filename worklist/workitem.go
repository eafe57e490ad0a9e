package worklist

import (
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// workitems brings the Unified Procedure Steps of an order along with its steps: one for each that is to be done, which is in progress and completed when a modality does
// it, and cancelled when the step is. What somebody has claimed as a workitem is theirs.
func (s *Service) workitems(tx halong.Tx, o *Order, at time.Time) error {
	if s.cfg.Workitems == nil {
		return nil
	}
	for i := range o.Steps {
		err := s.workitem(tx, &o.Steps[i], at)
		if err != nil && halong.KindOf(err) != halong.Invalid { // a step that makes no valid workitem is in the Modality Worklist all the same
			return err
		}
	}
	return nil
}

func (s *Service) workitem(tx halong.Tx, step *Step, at time.Time) (err error) {
	w, uid, transaction := s.cfg.Workitems, step.workitemUID("item"), step.workitemUID("transaction")
	ours, reason := false, "the scheduled procedure step is "+string(step.Status)
	switch step.Status {
	case Scheduled, Arrived, Ready:
		if step.Workitem.Begun { // and is to be done still
			if _, err := w.Withdraw(tx, step.Facility, uid, transaction, reason, at); err != nil {
				return err
			}
			step.Workitem = Turn{Number: step.Workitem.Number + 1}
			uid = step.workitemUID("item")
		}
		return w.Put(tx, step.Facility, uid, step.workitem(), at)
	case Started, Departed:
		ours, err = w.Perform(tx, step.Facility, uid, transaction, nil, at)
	case Completed:
		done, known := s.performedItem(tx, step, at)
		if known != nil {
			return known
		}
		ours, err = w.Perform(tx, step.Facility, uid, transaction, done, at)
	default:
		ours, err = w.Withdraw(tx, step.Facility, uid, transaction, reason, at)
	}
	step.Workitem.Begun = step.Workitem.Begun || ours
	return err
}

// workitemUID names the workitem of a step that has its turn, or the transaction that the order performs it under.
func (s *Step) workitemUID(what string) dicom.UID {
	o := Order{ID: s.Order}
	name := []string{"halong work" + what, string(s.Facility), o.short(), strconv.Itoa(s.Index)}
	if s.Workitem.Number > 0 {
		name = append(name, strconv.Itoa(s.Workitem.Number))
	}
	return uuidUID(strings.Join(name, "\x00"))
}

// performedItem says what was performed of a completed step (PS3.3 C.30.3): what its MPPS told, else what is known of the step.
func (s *Service) performedItem(tx halong.Tx, step *Step, at time.Time) (*dataset.Set, error) {
	mpps := &dataset.Set{}
	if step.Performed != "" {
		p, err := s.cfg.Procedures.Performed(tx, step.Facility, step.Performed)
		if err != nil {
			return nil, err
		}
		mpps = p.Attributes
	}
	station := mpps.String(tag.PerformedStationAETitle)
	if station == "" && len(step.Stations) > 0 {
		station = step.Stations[0]
	}
	code := Code{step.Modality, "DCM", step.Modality}.item() // PS3.16 CID 29
	if e := step.Attributes.Get(tag.RequestedProcedureCodeSequence); e != nil && len(e.Items) > 0 {
		code = e.Items[0]
	}
	if e := stepItem(step.Attributes).Get(tag.ScheduledProtocolCodeSequence); e != nil && len(e.Items) > 0 {
		code = e.Items[0]
	}
	now := at.Local().Format("20060102150405")
	moment := func(date, clock dicom.Tag) string {
		return orElse(digits(mpps.String(date), 8)+digits(mpps.String(clock), 6), now)
	}
	out := newItem()
	out.sequence(tag.PerformedStationNameCodeSequence, Code{orElse(station, "UNKNOWN"), "L", orElse(station, "UNKNOWN")}.item())
	out.put(tag.PerformedProcedureStepStartDateTime, dicom.DT, moment(tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime))
	out.put(tag.PerformedProcedureStepEndDateTime, dicom.DT, moment(tag.PerformedProcedureStepEndDate, tag.PerformedProcedureStepEndTime))
	out.sequence(tag.PerformedWorkitemCodeSequence, code)
	out.Put(dataset.Element{Tag: tag.OutputInformationSequence, VR: dicom.SQ}) // the images are found by the study
	return out.Set, nil
}

// priorities of workitems (PS3.3 C.30.2).
var workitemPriorities = map[string]string{"STAT": "HIGH", "HIGH": "HIGH", "ROUTINE": "MEDIUM", "MEDIUM": "MEDIUM", "LOW": "LOW"}

// workitem makes the attributes of a workitem (PS3.4 table CC.2.5-3) of the worklist item.
func (s *Step) workitem() *dataset.Set {
	all, sps, out := s.Attributes, stepItem(s.Attributes), newItem()
	for _, t := range []dicom.Tag{
		tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.PatientBirthDate, tag.PatientSex, tag.OtherPatientIDsSequence, tag.AdmissionID,
		tag.PatientWeight, tag.PatientSize, tag.Allergies, tag.MedicalAlerts, tag.PregnancyStatus, tag.SpecialNeeds, tag.PatientState,
	} {
		if e := all.Get(t); e != nil {
			out.Put(*e)
		}
	}
	if p := workitemPriorities[all.String(tag.RequestedProcedurePriority)]; p != "" {
		out.PutString(tag.ScheduledProcedureStepPriority, dicom.CS, p)
	}
	label := orElse(sps.String(tag.ScheduledProcedureStepDescription), all.String(tag.RequestedProcedureDescription))
	out.put(tag.ProcedureStepLabel, dicom.LO, label)
	out.put(tag.ScheduledProcedureStepStartDateTime, dicom.DT, s.Start)
	if e := sps.Get(tag.ScheduledProtocolCodeSequence); e != nil && len(e.Items) > 0 {
		out.sequence(tag.ScheduledWorkitemCodeSequence, e.Items[0])
	}
	var stations []*dataset.Set
	for _, ae := range s.Stations {
		stations = append(stations, Code{ae, "L", ae}.item())
	}
	out.sequence(tag.ScheduledStationNameCodeSequence, stations...)
	out.PutString(tag.StudyInstanceUID, dicom.UI, string(s.Study))
	out.sequence(tag.ReferencedRequestSequence, s.referenced())
	return out.Set
}

// referenced says which request the workitem is of.
func (s *Step) referenced() *dataset.Set {
	out := newItem()
	out.PutString(tag.StudyInstanceUID, dicom.UI, string(s.Study))
	for _, x := range []struct {
		tag dicom.Tag
		vr  dicom.VR
	}{
		{tag.AccessionNumber, dicom.SH},
		{tag.RequestedProcedureID, dicom.SH},
		{tag.RequestedProcedureDescription, dicom.LO},
		{tag.RequestedProcedureCodeSequence, dicom.SQ},
		{tag.PlacerOrderNumberImagingServiceRequest, dicom.LO},
		{tag.FillerOrderNumberImagingServiceRequest, dicom.LO},
		{tag.RequestingService, dicom.LO},
		{tag.ReferringPhysicianName, dicom.PN},
		{tag.RequestingPhysician, dicom.PN},
	} {
		if e := s.Attributes.Get(x.tag); e != nil {
			out.Put(*e)
			continue
		}
		out.Put(dataset.Element{Tag: x.tag, VR: x.vr})
	}
	return out.Set
}
