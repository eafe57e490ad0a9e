package dicomweb

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/worklist/ups"
)

// workitemColumns are the attributes of every result: those with a Return Key Type of 1 or 2 in PS3.4 table CC.2.5-3.
var workitemColumns = sortColumns([]column{
	{tag.SpecificCharacterSet, dicom.CS, false},
	{tag.SOPClassUID, dicom.UI, true},
	{tag.SOPInstanceUID, dicom.UI, true},
	{tag.TimezoneOffsetFromUTC, dicom.SH, false},
	{tag.PatientName, dicom.PN, true},
	{tag.PatientID, dicom.LO, true},
	{tag.IssuerOfPatientID, dicom.LO, false},
	{tag.PatientBirthDate, dicom.DA, true},
	{tag.PatientSex, dicom.CS, true},
	{tag.StudyInstanceUID, dicom.UI, true},
	{tag.AdmissionID, dicom.LO, true},
	{tag.IssuerOfAdmissionIDSequence, dicom.SQ, true},
	{tag.CommentsOnTheScheduledProcedureStep, dicom.LT, false},
	{tag.ScheduledProcedureStepStartDateTime, dicom.DT, true},
	{tag.ScheduledProcedureStepModificationDateTime, dicom.DT, true},
	{tag.ExpectedCompletionDateTime, dicom.DT, false},
	{tag.ScheduledWorkitemCodeSequence, dicom.SQ, true},
	{tag.InputInformationSequence, dicom.SQ, true},
	{tag.ScheduledStationNameCodeSequence, dicom.SQ, true},
	{tag.ScheduledStationClassCodeSequence, dicom.SQ, true},
	{tag.ScheduledStationGeographicLocationCodeSequence, dicom.SQ, true},
	{tag.ScheduledHumanPerformersSequence, dicom.SQ, true},
	{tag.InputReadinessState, dicom.CS, true},
	{tag.ReferencedRequestSequence, dicom.SQ, true},
	{tag.ProcedureStepState, dicom.CS, true},
	{tag.ScheduledProcedureStepPriority, dicom.CS, true},
	{tag.WorklistLabel, dicom.LO, true},
	{tag.ProcedureStepLabel, dicom.LO, true},
	{tag.ReplacedProcedureStepSequence, dicom.SQ, false},
})

// maxWorkitemAnswer bounds the results of one search in bytes.
const maxWorkitemAnswer = 32 << 20

// workitemSearch is a search being answered.
type workitemSearch struct {
	q             *request
	offer         offer
	query         ups.Query
	limit, offset int // limit -1: none was asked for
	columns       []column
	all           bool
	options       searchRequest // how keys are read
	warnings      []string
	body, model   []byte
	ends          []int
	rows          int
	more          bool
}

// searchWorkitems answers Search for Workitems (PS3.18 11.9).
func searchWorkitems(q *request) error {
	o, err := q.acceptsModel()
	if err != nil {
		return err
	}
	s := &workitemSearch{q: q, offer: o, limit: -1, columns: slices.Clone(workitemColumns)}
	s.options.empty, s.options.every = q.flag("emptyvaluematching"), q.flag("multiplevaluematching")
	for _, p := range q.query {
		if err := s.parameter(p); err != nil {
			return err
		}
	}
	s.columns = sortColumns(s.columns)
	if err := s.collect(); err != nil {
		return err
	}
	return s.send()
}

func (s *workitemSearch) parameter(p param) error {
	switch strings.ToLower(p.name) {
	case "accept", "charset", "limit", "offset":
		return p.ofAnySearch(&s.limit, &s.offset)
	case "fuzzymatching", "emptyvaluematching", "multiplevaluematching":
		if !strings.EqualFold(p.value, "true") && !strings.EqualFold(p.value, "false") {
			return fail(http.StatusBadRequest, "The parameters fuzzymatching, emptyvaluematching and multiplevaluematching must be true or false.")
		}
		if strings.EqualFold(p.name, "fuzzymatching") {
			s.query.Rules.Fuzzy = strings.EqualFold(p.value, "true")
		}
		return nil
	case "includefield":
		for f := range strings.SplitSeq(p.value, ",") {
			s.include(strings.TrimSpace(f))
		}
		return nil
	}
	k, ok, err := s.options.workitemKey(p, &s.warnings)
	if err != nil || len(k.Path) == 0 {
		return err
	}
	s.column(k.Path[0])
	if !ok {
		return nil
	}
	if k.Path[0] == tag.TimezoneOffsetFromUTC && k.Kind() == query.Single {
		s.query.Rules.Zone = k.Values[0]
		return nil
	}
	return addKey(&s.query.Keys, k)
}

func (s *workitemSearch) include(name string) {
	if name == "" {
		return
	}
	if strings.EqualFold(name, "all") {
		s.all = true
		return
	}
	path, _, ok := parseAttribute(name)
	if !ok {
		s.warnings = append(s.warnings, "An includefield value is no known attribute and was ignored.")
		return
	}
	s.column(path[0])
}

func (s *workitemSearch) column(t dicom.Tag) {
	s.columns = append(s.columns, column{tag: t, vr: dicom.VROf(t)})
}

// workitemKey reads a matching key. It has no path when the parameter is none; ok is false when it matches everything.
func (s *searchRequest) workitemKey(p param, warnings *[]string) (k query.Key, ok bool, err error) {
	path, vr, known := parseAttribute(p.name)
	if !known {
		*warnings = append(*warnings, "A query parameter is neither known nor the keyword or tag of an attribute, and was ignored.")
		return k, false, nil
	}
	name := attributeName(path)
	if slices.Contains(path, tag.TransactionUID) { // an access lock that could be guessed at
		*warnings = append(*warnings, "The attribute "+name+" cannot be matched and was ignored.")
		return k, false, nil
	}
	if p.value == "" || p.value == "*" && vr != dicom.UI {
		return query.Key{Path: path, VR: vr}, false, nil
	}
	if k, err = s.parseKey(path, vr, p.value); err != nil {
		return k, false, &problem{http.StatusBadRequest, "The value for " + name + " does not fit its value representation.", err}
	}
	return k, true, nil
}

// addKey adds a key; UIDs that are given more than once are a list.
func addKey(keys *[]query.Key, k query.Key) error {
	for i := range *keys {
		have := &(*keys)[i]
		if !slices.Equal(have.Path, k.Path) {
			continue
		}
		if k.VR != dicom.UI || k.Empty || have.Empty {
			return fail(http.StatusBadRequest, "The attribute "+attributeName(k.Path)+" is given more than once.")
		}
		have.Values = append(have.Values, k.Values...)
		return nil
	}
	if *keys = append(*keys, k); len(*keys) > maxKeys {
		return fail(http.StatusBadRequest, "Too many attributes in one query.")
	}
	return nil
}

// collect runs the search.
func (s *workitemSearch) collect() error {
	limit := s.q.MaxResults
	if s.limit >= 0 {
		limit = min(limit, s.limit)
	}
	if limit == 0 {
		return nil
	}
	skip := s.offset
	for it, err := range s.q.Workitems.Find(s.q.ctx, s.q.scope, s.query) {
		if err != nil {
			return err
		}
		if skip > 0 {
			skip--
			continue
		}
		if s.rows == limit || len(s.body) > maxWorkitemAnswer {
			s.more = true
			return nil
		}
		s.rows++
		if err := s.add(s.project(it.Attributes)); err != nil {
			return err
		}
	}
	return nil
}

// project gives what is returned of a workitem.
func (s *workitemSearch) project(attrs *dataset.Set) *dataset.Set {
	if s.all {
		return attrs
	}
	out := &dataset.Set{}
	for _, c := range s.columns {
		switch e := attrs.Get(c.tag); {
		case e != nil:
			out.Elements = append(out.Elements, *e)
		case c.required:
			out.Elements = append(out.Elements, dataset.Element{Tag: c.tag, VR: c.vr})
		}
	}
	return out
}

func (s *workitemSearch) add(row *dataset.Set) (err error) {
	if s.offer.multipart {
		s.model = dicomjson.AppendSet(s.model[:0], row, dicomjson.Options{})
		s.body, err = dicomjson.AppendXML(s.body, s.model)
		s.ends = append(s.ends, len(s.body))
		return err
	}
	separator := byte(',')
	if len(s.body) == 0 {
		separator = '['
	}
	s.body = dicomjson.AppendSet(append(s.body, separator), row, dicomjson.Options{})
	return nil
}

// send answers as a search for studies is answered.
func (s *workitemSearch) send() error {
	q, h := s.q, s.q.Response().Header()
	if s.more {
		s.warnings = append(s.warnings, "There are additional results that can be requested with limit and offset.")
	}
	slices.Sort(s.warnings)
	for _, w := range slices.Compact(s.warnings) {
		q.warn(w)
	}
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept")
	switch {
	case s.rows == 0 && (q.EmptyNoContent || s.offer.multipart):
		q.start(http.StatusNoContent)
		return nil
	case s.offer.multipart:
		return s.sendParts()
	case s.rows == 0:
		s.body = append(s.body, '[')
	}
	s.body = append(s.body, ']')
	h.Set("Content-Type", s.offer.contentType())
	h.Add("Vary", "Accept-Encoding")
	if c := q.coding(); c != "" && len(s.body) >= smallest {
		var coded bytes.Buffer
		w, err := q.coders.encode(&coded, c)
		if err == nil {
			_, err = w.Write(s.body)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
		h.Set("Content-Encoding", c)
		s.body = coded.Bytes()
	}
	return q.whole(s.body)
}

// sendParts answers one part of application/dicom+xml for each result.
func (s *workitemSearch) sendParts() error {
	t := newTag("workitems").add(string(s.body))
	s.q.Response().Header().Set("Content-Type", multipart.ContentType(mediaXML, t.boundary()))
	if !s.q.start(http.StatusOK) {
		return nil
	}
	w := multipart.NewWriter(s.q.Response(), t.boundary())
	from := 0
	for _, end := range s.ends {
		if err := w.Part(multipart.Field{Name: "Content-Type", Value: mediaXML}); err != nil {
			return err
		}
		if _, err := w.W.Write(s.body[from:end]); err != nil {
			return err
		}
		from = end
	}
	return w.Close()
}
