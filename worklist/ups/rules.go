package ups

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// use says what an operation may do with an attribute.
type use uint8

const (
	free   use = iota // present or not, with a value or not (3/x, and what the table does not name)
	one               // must be there with a value (1/1)
	two               // must be there, may be empty (2/x): filled in empty where it is not
	valued            // if it is there it has a value (3/1)
	empty             // if it is there it is empty: the Transaction UID and all that tells of performing
	fixed             // not allowed, unless it says what the workitem has already
	own               // the SCP gives it: whatever is sent is passed over
)

// final says what a final state demands (PS3.4 CC.2.5.1.1).
type final uint8

const (
	optional final = iota
	required       // R: of both
	perform        // P: of COMPLETED
	cancel         // X: of CANCELED
	exists         // P, but it may be empty: there may be no output
)

// rule is a row of PS3.4 table CC.2.5-3, as far as it asks for something.
type rule struct {
	tag    dicom.Tag
	create use
	set    use
	final  final
	terms  []string // enumerated values
	items  []rule   // of its items
}

// code is what the macro of coded entries asks for (PS3.4 table 8-3a): checked in coded, since
// one of three attributes holds the code.
var code = []rule{{tag: tag.CodeMeaning, create: one, set: one}}

var rules = []rule{
	{tag: tag.TransactionUID, create: empty, set: fixed},
	{tag: tag.SOPClassUID, create: fixed, set: fixed, final: required},
	{tag: tag.SOPInstanceUID, create: fixed, set: fixed, final: required},

	// Unified Procedure Step Scheduled Procedure Information Module (PS3.3 C.30.1)
	{tag: tag.ScheduledProcedureStepPriority, create: one, set: valued, final: required, terms: []string{"HIGH", "MEDIUM", "LOW"}},
	{tag: tag.ScheduledProcedureStepModificationDateTime, create: own, set: own, final: required},
	{tag: tag.ProcedureStepLabel, create: one, set: valued},
	{tag: tag.WorklistLabel, create: two, set: valued},
	{tag: tag.ScheduledProcessingParametersSequence, create: two},
	{tag: tag.ScheduledStationNameCodeSequence, create: two, items: code},
	{tag: tag.ScheduledStationClassCodeSequence, create: two, items: code},
	{tag: tag.ScheduledStationGeographicLocationCodeSequence, create: two, items: code},
	{tag: tag.ScheduledHumanPerformersSequence, items: []rule{
		{tag: tag.HumanPerformerCodeSequence, create: one, set: one, items: code},
		{tag: tag.HumanPerformerName, create: one, set: one},
		{tag: tag.HumanPerformerOrganization, create: one, set: one},
	}},
	{tag: tag.ScheduledProcedureStepStartDateTime, create: one, set: valued, final: required},
	{tag: tag.ExpectedCompletionDateTime, create: valued, set: valued},
	{tag: tag.ScheduledWorkitemCodeSequence, create: two, set: valued, items: code},
	{tag: tag.CommentsOnTheScheduledProcedureStep, create: two},
	{tag: tag.InputReadinessState, create: one, set: valued, final: required, terms: []string{"INCOMPLETE", "UNAVAILABLE", "READY"}},
	{tag: tag.InputInformationSequence, create: two},
	{tag: tag.StudyInstanceUID, create: two},

	// Unified Procedure Step Relationship Module (C.30.4)
	{tag: tag.PatientName, create: two, set: fixed},
	{tag: tag.PatientID, create: two, set: fixed},
	{tag: tag.IssuerOfPatientID, set: fixed},
	{tag: tag.PatientBirthDate, create: two, set: fixed},
	{tag: tag.PatientSex, create: two, set: fixed},
	{tag: tag.AdmissionID, create: two, set: fixed},
	{tag: tag.IssuerOfAdmissionIDSequence, create: two, set: fixed},
	{tag: tag.AdmittingDiagnosesDescription, create: two, set: fixed},
	{tag: tag.AdmittingDiagnosesCodeSequence, create: two, set: fixed, items: code},
	{tag: tag.ReferencedRequestSequence, create: two, set: fixed, items: []rule{{tag: tag.StudyInstanceUID, create: one, set: one}}},
	{tag: tag.ReplacedProcedureStepSequence, create: valued, set: fixed, items: []rule{
		{tag: tag.ReferencedSOPClassUID, create: one, set: one},
		{tag: tag.ReferencedSOPInstanceUID, create: one, set: one},
	}},

	// Unified Procedure Step Progress Information Module (C.30.2)
	{tag: tag.ProcedureStepState, create: one, set: fixed, final: required, terms: stateNames[:Deleted]},
	{tag: tag.ProcedureStepProgressInformationSequence, create: empty, final: cancel, items: []rule{
		{tag: tag.ProcedureStepCancellationDateTime, final: cancel},
		{tag: tag.ProcedureStepDiscontinuationReasonCodeSequence, final: cancel, items: code},
		{tag: tag.ProcedureStepCommunicationsURISequence, items: []rule{{tag: tag.ContactURI, set: one}}},
	}},

	// Unified Procedure Step Performed Procedure Information Module (C.30.3)
	{tag: tag.UnifiedProcedureStepPerformedProcedureSequence, create: empty, final: perform, items: []rule{
		{tag: tag.ActualHumanPerformersSequence, items: []rule{{tag: tag.HumanPerformerCodeSequence, items: code}}},
		{tag: tag.PerformedStationNameCodeSequence, final: perform, items: code},
		{tag: tag.PerformedStationClassCodeSequence, items: code},
		{tag: tag.PerformedStationGeographicLocationCodeSequence, items: code},
		{tag: tag.PerformedProcedureStepStartDateTime, final: perform},
		{tag: tag.PerformedWorkitemCodeSequence, final: perform, items: code},
		{tag: tag.PerformedProcedureStepEndDateTime, final: perform},
		{tag: tag.OutputInformationSequence, final: exists},
	}},
}

// ruleOf finds the row of a top-level attribute; nil when the table asks for nothing.
func ruleOf(t dicom.Tag) *rule {
	for i := range rules {
		if rules[i].tag == t {
			return &rules[i]
		}
	}
	return nil
}
