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

// workitems brings the Unified Procedure Steps of an order in step with its steps: one for each that is to be done. What has begun at a modality is not
// for somebody else to claim.
func (s *Service) workitems(tx halong.Tx, o *Order, at time.Time) error {
	if s.cfg.Workitems == nil {
		return nil
	}
	for i := range o.Steps {
		step := &o.Steps[i]
		var err error
		switch step.Status {
		case Scheduled, Arrived, Ready:
			err = s.cfg.Workitems.Put(tx, o.Facility, step.workitemUID(), step.workitem(), at)
		default:
			err = s.cfg.Workitems.Withdraw(tx, o.Facility, step.workitemUID(), "the scheduled procedure step is "+string(step.Status), at)
		}
		if err != nil && halong.KindOf(err) != halong.Invalid { // a step that makes no valid workitem is in the Modality Worklist all the same
			return err
		}
	}
	return nil
}

// workitemUID names the workitem of a step.
func (s *Step) workitemUID() dicom.UID {
	o := Order{ID: s.Order}
	return uuidUID(strings.Join([]string{"halong workitem", string(s.Facility), o.short(), strconv.Itoa(s.Index)}, "\x00"))
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
