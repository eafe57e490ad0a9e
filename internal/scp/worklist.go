package scp

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/fold"
	"github.com/halong-gateway/halong/worklist"
)

// ModalityWorklist is the Modality Worklist Information Model - FIND SOP Class (PS3.4 K.6.2).
const ModalityWorklist dicom.UID = "1.2.840.10008.5.1.4.31"

// Worklist finds Scheduled Procedure Steps; *worklist.Service does. Nothing of the index may be held while a caller works on a
// step: answers go out at the peer's pace.
type Worklist interface {
	Search(ctx context.Context, scope halong.Scope, q worklist.Query) iter.Seq2[*worklist.Step, error]
}

// WorklistPeer is what holds for the worklist of one calling AE title.
type WorklistPeer struct {
	Stations []string // it sees only steps for these Scheduled Station AE Titles; nil: all
	Charset  string   // of all its answers: ISO_IR 6, ISO_IR 100 or ISO_IR 192; empty: by its query
}

// worklistService serves C-FIND of the Modality Worklist (PS3.4 K.4.1).
type worklistService struct {
	worklist Worklist
	peers    map[string]WorklistPeer // by calling AE title
	now      func() time.Time
	log      *slog.Logger
}

// Serve implements dimse.Service.
func (s *worklistService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	peer, ok := rq.Association.Session.(*session)
	switch {
	case rq.Command.Field != dimse.CFindRQ:
		return dimse.Answer(dimse.UnrecognizedOperation)
	case !ok:
		return dimse.Answer(dimse.UnableToProcess)
	}
	x, err := readWorklistIdentifier(rq)
	if err != nil {
		return failure(err)
	}
	defer rq.Watch()()
	of := s.peers[rq.Association.CallingAE()]
	q := worklist.Query{Keys: x.keys, Rules: x.rules, Stations: of.Stations, Now: s.now()}
	for step, err := range s.worklist.Search(ctx, worklistScope(peer), q) {
		if err == nil {
			err = x.reply(rq, step, of.Charset)
		}
		switch {
		case ctx.Err() != nil:
			return dimse.Answer(dimse.Cancelled)
		case err != nil:
			resp := failure(err)
			s.log.Warn("worklist query failed", "status", resp.Status.String(), "peer", peer.source.Peer, "error", err)
			return resp
		}
	}
	return dimse.Answer(dimse.Success)
}

// worklistScope is what a peer sees of the worklist: who calls the AE title of a facility asks for that facility's, whatever else it may see. Patients of
// another one's worklist, perhaps with the same numbers, are not to be examined there.
func worklistScope(x *session) halong.Scope {
	switch {
	case x.title == "":
		return x.scope
	case x.scope.Sees(x.facility):
		return halong.Scope{Own: x.facility}
	}
	return halong.Scope{}
}

// readWorklistIdentifier reads the identifier of a query. There is no Query/Retrieve Level; keys of the Scheduled Procedure Step stand
// in the one item of its sequence.
func readWorklistIdentifier(rq *dimse.Request) (*identifier, error) {
	x, err := parseIdentifier(rq)
	if err != nil {
		return nil, err
	}
	x.set.Delete(tag.QueryRetrieveLevel) // some send it though the model has no levels
	x.negotiated(rq)
	if err := x.zone(); err != nil {
		return nil, err
	}
	return x, x.take()
}

// reply sends the pending response for a step.
func (x *identifier) reply(rq *dimse.Request, step *worklist.Step, term string) error {
	set, complete := x.worklistAnswer(step.Attributes)
	resp := dimse.Response{Command: dimse.Command{Status: dimse.Pending}, Data: x.encodeIn(set, term)}
	if !complete {
		resp.Status = dimse.PendingOptionalMissing
	}
	return rq.Pending(resp)
}

// worklistAnswer makes the identifier of one pending response. complete is false when an attribute was asked for, or was to be matched by, that the
// worklist does not support: it is as if that key had no value (PS3.4 K.4.1.1.3).
func (x *identifier) worklistAnswer(item *dataset.Set) (_ *dataset.Set, complete bool) {
	out := &dataset.Set{}
	complete = !x.ignored
	for _, w := range x.wanted {
		e := item.Get(w.tag)
		complete = complete && (e != nil || supportsKey(w.tag)) && (w.tag != tag.ScheduledProcedureStepSequence || supportsStep(w.items))
		answer := w.from(e)
		if w.tag == tag.ScheduledProcedureStepSequence && w.items == nil {
			answer.Items = withType2(answer.Items)
		}
		out.Put(answer)
	}
	return out, complete
}

// stepType2 are the attributes of a Scheduled Procedure Step that are there, though empty, where all of it is asked for (PS3.4
// table K.6-1).
var stepType2 = []struct {
	tag dicom.Tag
	vr  dicom.VR
}{
	{tag.RequestedContrastAgent, dicom.LO},
	{tag.ScheduledPerformingPhysicianName, dicom.PN},
	{tag.ScheduledStationName, dicom.SH},
	{tag.ScheduledProcedureStepLocation, dicom.SH},
	{tag.PreMedication, dicom.LO},
}

func withType2(items []*dataset.Set) []*dataset.Set {
	out := make([]*dataset.Set, len(items))
	for i, item := range items {
		out[i] = &dataset.Set{Elements: slices.Clone(item.Elements)}
		for _, x := range stepType2 {
			if item.Get(x.tag) == nil {
				out[i].Put(dataset.Element{Tag: x.tag, VR: x.vr})
			}
		}
	}
	return out
}

// encodeIn encodes an answer in a character set that is configured, else as the query asks for.
func (x *identifier) encodeIn(s *dataset.Set, term string) []byte {
	switch {
	case term == "" || !wide(s):
		return x.encode(s)
	case term == charset.UTF8:
		s.PutString(tag.SpecificCharacterSet, dicom.CS, charset.UTF8)
		return s.Append(nil, x.syntax)
	}
	out, err := recode(s, term)
	if err != nil { // letters that the set lacks lose their diacritics: a name that can be read is better than none
		out, err = recode(plain(s), term)
	}
	if err != nil {
		return x.encode(s)
	}
	if term != asciiTerm {
		out.PutString(tag.SpecificCharacterSet, dicom.CS, term)
	}
	return out.Append(nil, x.syntax)
}

// asciiTerm is the default repertoire, which Specific Character Set does not name (PS3.3 C.12.1.1.2).
const asciiTerm = "ISO_IR 6"

// plain gives a copy in ASCII.
func plain(s *dataset.Set) *dataset.Set {
	out := &dataset.Set{}
	for _, e := range s.Elements {
		if e.VR == dicom.PN {
			e.Value = []byte(plainNames(string(e.Value)))
		} else if textual(e.VR) {
			e.Value = []byte(fold.Plain(string(e.Value)))
		}
		items := e.Items
		e.Items = nil
		for _, item := range items {
			e.Items = append(e.Items, plain(item))
		}
		out.Put(e)
	}
	return out
}

// plainNames gives persons' names in ASCII. Of component groups (PS3.5 6.2.1.1) behind the alphabetic one those that it has no letters for are left out.
func plainNames(s string) string {
	names := strings.Split(s, `\`)
	for i, n := range names {
		groups := strings.Split(n, "=")
		for g := range groups {
			if groups[g] = fold.Plain(groups[g]); g > 0 && strings.Contains(groups[g], "?") {
				groups[g] = ""
			}
		}
		names[i] = strings.TrimRight(strings.Join(groups, "="), "=")
	}
	return strings.Join(names, `\`)
}

// supportsKey tells whether the worklist knows an attribute: those of the modules in PS3.4 table K.6-1.
func supportsKey(t dicom.Tag) bool {
	if t.IsPrivate() {
		return false
	}
	switch t.Group() {
	case 0x0010, 0x0038:
		return true
	}
	switch t {
	case tag.ScheduledProcedureStepSequence, tag.AccessionNumber, tag.IssuerOfAccessionNumberSequence, tag.InstitutionName,
		tag.InstitutionAddress, tag.InstitutionCodeSequence, tag.ReferringPhysicianName, tag.ReferringPhysicianIdentificationSequence,
		tag.ReferencedStudySequence, tag.ReferencedPatientSequence, tag.AdmittingDiagnosesDescription, tag.AdmittingDiagnosesCodeSequence,
		tag.TimezoneOffsetFromUTC, tag.StudyInstanceUID, tag.RequestingPhysician, tag.RequestingPhysicianIdentificationSequence, tag.RequestingService,
		tag.RequestedProcedureDescription, tag.RequestedProcedureCodeSequence, tag.ReasonForVisit, tag.ReasonForVisitCodeSequence,
		tag.RequestedProcedureID, tag.ReasonForTheRequestedProcedure, tag.RequestedProcedurePriority, tag.PatientTransportArrangements,
		tag.RequestedProcedureLocation, tag.ConfidentialityCode, tag.ReportingPriority, tag.ReasonForRequestedProcedureCodeSequence,
		tag.NamesOfIntendedRecipientsOfResults, tag.IntendedRecipientsOfResultsIdentificationSequence, tag.RequestedProcedureComments,
		tag.ReasonForTheImagingServiceRequest, tag.IssueDateOfImagingServiceRequest, tag.IssueTimeOfImagingServiceRequest, tag.OrderEnteredBy,
		tag.OrderEntererLocation, tag.OrderCallbackPhoneNumber, tag.PlacerOrderNumberImagingServiceRequest,
		tag.FillerOrderNumberImagingServiceRequest, tag.OrderPlacerIdentifierSequence, tag.OrderFillerIdentifierSequence,
		tag.ImagingServiceRequestComments, tag.ConfidentialityConstraintOnPatientDataDescription:
		return true
	}
	return false
}

// supportsStep tells the same of what is asked for of the Scheduled Procedure Step.
func supportsStep(items *dataset.Set) bool {
	return items == nil || !slices.ContainsFunc(items.Elements, func(e dataset.Element) bool { return e.Tag.Element() != 0 && !supportsStepKey(e.Tag) })
}

// supportsPath tells whether steps are matched by a key.
func supportsPath(path []dicom.Tag) bool {
	return supportsKey(path[0]) && (path[0] != tag.ScheduledProcedureStepSequence || len(path) < 2 || supportsStepKey(path[1]))
}

func supportsStepKey(t dicom.Tag) bool {
	switch t {
	case tag.Modality, tag.RequestedContrastAgent, tag.ScheduledStationAETitle, tag.ScheduledProcedureStepStartDate,
		tag.ScheduledProcedureStepStartTime, tag.ScheduledProcedureStepEndDate, tag.ScheduledProcedureStepEndTime,
		tag.ScheduledPerformingPhysicianName, tag.ScheduledPerformingPhysicianIdentificationSequence, tag.ScheduledProcedureStepDescription,
		tag.ScheduledProtocolCodeSequence, tag.ScheduledProcedureStepID, tag.StageCodeSequence, tag.ScheduledStationName,
		tag.ScheduledProcedureStepLocation, tag.PreMedication, tag.ScheduledProcedureStepStatus, tag.CommentsOnTheScheduledProcedureStep,
		tag.ScheduledSpecimenSequence:
		return true
	}
	return false
}
