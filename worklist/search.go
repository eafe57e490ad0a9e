package worklist

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Query is a question to the Modality Worklist (PS3.4 K.6).
type Query struct {
	Keys     []query.Key
	Rules    query.Rules // ranges of a date and its time given together are one interval, whatever Separate says (PS3.4 K.6.1.2.1)
	Stations []string    // only steps for one of these AE titles; nil for all
	Now      time.Time
}

// Shown says which steps the Modality Worklist hides beside those that are completed, discontinued, cancelled or on hold.
type Shown struct {
	HideStarted bool          // steps that have begun
	Past        time.Duration // steps that should have begun longer ago; 0: none for that
}

// Search gives the Scheduled Procedure Steps that match, in order of their start.
func (s *Service) Search(ctx context.Context, scope halong.Scope, q Query) iter.Seq2[*Step, error] {
	keys := slices.Clone(q.Keys)
	oneInterval(keys)
	q.Rules.Separate = false
	oldest := ""
	if s.cfg.Shown.Past > 0 {
		oldest = q.Now.Add(-s.cfg.Shown.Past).Local().Format("20060102150405")
	}
	return func(yield func(*Step, error) bool) {
		for step, err := range s.cfg.Reader.Steps(ctx, scope, narrow(keys)) {
			if err == nil && ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			switch {
			case step.Status == Held, step.Status.Final(), s.cfg.Shown.HideStarted && step.Status.begun():
			case oldest != "" && step.latest() < oldest && !step.Status.begun():
			case q.Stations != nil && !slices.ContainsFunc(step.Stations, func(ae string) bool { return slices.Contains(q.Stations, ae) }):
			case !q.Rules.MatchAll(keys, step.Attributes):
			default:
				if !yield(step, nil) {
					return
				}
			}
		}
	}
}

// latest gives when a step should have begun at the latest: of a day without a time its end.
func (s *Step) latest() string {
	if len(s.Start) == len("20060102") {
		return s.Start + "235959"
	}
	return s.Start
}

// inStep tells whether a key is one of an attribute in the Scheduled Procedure Step Sequence.
func inStep(k *query.Key, t dicom.Tag) bool {
	return len(k.Path) == 2 && k.Path[0] == tag.ScheduledProcedureStepSequence && k.Path[1] == t
}

// narrow takes from the keys what the store can tell from its rows.
func narrow(keys []query.Key) Narrow {
	n := Narrow{Open: true}
	for i := range keys {
		k := &keys[i]
		if inStep(k, tag.ScheduledProcedureStepStartDate) {
			n.From, n.To = k.Leaf().Range()
			continue
		}
		if !plain(k) {
			continue
		}
		switch t := k.Tag(); {
		case inStep(k, tag.ScheduledProcedureStepID):
			n.StepIDs = k.Values
		case len(k.Path) > 1:
		case t == tag.AccessionNumber:
			n.Accessions = k.Values
		case t == tag.RequestedProcedureID:
			n.Procedures = k.Values
		case t == tag.PatientID:
			n.PatientIDs = k.Values
		case t == tag.StudyInstanceUID:
			for _, v := range k.Values {
				n.Studies = append(n.Studies, dicom.UID(v))
			}
		}
	}
	return n
}

// plain tells whether a key names its values, without wildcards.
func plain(k *query.Key) bool {
	switch k.Leaf().Kind() {
	case query.Single:
		return true
	case query.List:
		return !slices.ContainsFunc(k.Values, func(v string) bool { return strings.ContainsAny(v, "*?") && query.Wildcards(k.VR) })
	}
	return false
}

// oneInterval prepares a range of Scheduled Procedure Step Start Date and one of its time for being one interval, "July 5, 10 am until July 7,
// 6 pm" (PS3.4 K.6.1.2.1), where one of them has no beginning or no end: a day without a time is meant whole, a time without a
// day says nothing.
func oneInterval(keys []query.Key) {
	date := slices.IndexFunc(keys, func(k query.Key) bool { return inStep(&k, tag.ScheduledProcedureStepStartDate) })
	clock := slices.IndexFunc(keys, func(k query.Key) bool { return inStep(&k, tag.ScheduledProcedureStepStartTime) })
	if date < 0 || clock < 0 || keys[date].Leaf().Kind() != query.Range || keys[clock].Leaf().Kind() != query.Range {
		return
	}
	from, to := keys[date].Leaf().Range()
	raw := keys[clock].Values[0]
	at := strings.IndexByte(raw, '-')
	begin, end := strings.TrimSpace(raw[:at]), strings.TrimSpace(raw[at+1:])
	switch {
	case from == "":
		begin = ""
	case begin == "":
		begin = "000000"
	}
	switch {
	case to == "":
		end = ""
	case end == "":
		end = "235959.999999"
	}
	keys[clock].Values = []string{begin + "-" + end}
}
