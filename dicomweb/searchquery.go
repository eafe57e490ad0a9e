package dicomweb

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// searchRequest is a parsed QIDO-RS query (PS3.18 8.3.4).
type searchRequest struct {
	storage.Query
	limit    int         // that the client asked for, -1 for none
	includes []dicom.Tag // of includefield and of universal matching
	all      bool        // includefield=all
	warnings []string
	fromPath int         // how many of Keys are the UIDs of the path
	inHeads  []query.Key // of attributes that the index does not keep: looked for in objects
	empty    bool        // emptyvaluematching
	every    bool        // multiplevaluematching
}

// maxKeys bounds the number of attributes in one query.
const maxKeys = 200

// maxOffset bounds the results that may have to be skipped one by one, where no earlier page says where they end.
const maxOffset = 1_000_000

// parseSearch reads path and query parameters. A parameter that is neither known nor an attribute, or an attribute that
// cannot be matched, is passed over with a warning (PS3.18 8.3, "shall ignore any unsupported Query Parameters"); a value
// that cannot be is an error.
func (q *request) parseSearch(res resource) (*searchRequest, error) {
	s := &searchRequest{Query: storage.Query{Level: res.level}, limit: -1}
	if u := q.param("study"); u != "" {
		s.Keys = append(s.Keys, query.Key{Path: []dicom.Tag{tag.StudyInstanceUID}, VR: dicom.UI, Values: []string{u}})
	}
	if u := q.param("series"); u != "" {
		s.Keys = append(s.Keys, query.Key{Path: []dicom.Tag{tag.SeriesInstanceUID}, VR: dicom.UI, Values: []string{u}})
	}
	s.fromPath = len(s.Keys)
	s.empty, s.every = q.flag("emptyvaluematching"), q.flag("multiplevaluematching")
	for _, p := range q.query {
		if err := s.parameter(p, q.Fuzzy); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *searchRequest) parameter(p param, fuzzyKnown bool) error {
	switch strings.ToLower(p.name) {
	case "accept", "charset", "limit", "offset":
		return p.ofAnySearch(&s.limit, &s.Offset)
	case "fuzzymatching":
		return s.fuzzy(p.value, fuzzyKnown)
	case "emptyvaluematching", "multiplevaluematching":
		if !strings.EqualFold(p.value, "true") && !strings.EqualFold(p.value, "false") {
			return fail(http.StatusBadRequest, "The parameters emptyvaluematching and multiplevaluematching must be true or false.")
		}
		return nil
	case "includefield":
		for f := range strings.SplitSeq(p.value, ",") {
			s.include(strings.TrimSpace(f))
		}
		return nil
	}
	return s.match(p)
}

// ofAnySearch takes a parameter that all searches have alike (PS3.18 8.3.4).
func (p param) ofAnySearch(limit, offset *int) (err error) {
	switch strings.ToLower(p.name) {
	case "charset":
		if !strings.EqualFold(p.value, "utf-8") {
			return fail(http.StatusNotAcceptable, "Answers are in UTF-8 only.")
		}
	case "limit":
		*limit, err = wholeNumber(p)
	case "offset":
		*offset, err = wholeNumber(p)
	}
	return err
}

func wholeNumber(p param) (int, error) {
	n, err := strconv.ParseUint(p.value, 10, 31)
	if err != nil {
		return 0, fail(http.StatusBadRequest, "The parameter "+p.name+" must be a whole number.")
	}
	return int(n), nil
}

// fuzzy: a server without fuzzy matching says so and matches literally (PS3.18 8.3.4.2).
func (s *searchRequest) fuzzy(value string, known bool) error {
	switch {
	case strings.EqualFold(value, "false"):
	case !strings.EqualFold(value, "true"):
		return fail(http.StatusBadRequest, "The parameter fuzzymatching must be true or false.")
	case known:
		s.Fuzzy = true
	default:
		s.warnings = append(s.warnings, "The fuzzymatching parameter is not supported. Only literal matching has been performed.")
	}
	return nil
}

// include adds a field of includefield. Unknown ones are not supported, which
// the standard lets pass; the client is told.
func (s *searchRequest) include(name string) {
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
	s.includes = append(s.includes, path[0])
}

// match adds a matching key. Keys that match anything only ask for the attribute.
func (s *searchRequest) match(p param) error {
	path, vr, ok := parseAttribute(p.name)
	if !ok {
		s.warnings = append(s.warnings, "A query parameter is neither known nor the keyword or tag of an attribute, and was ignored.")
		return nil
	}
	name := attributeName(path)
	s.includes = append(s.includes, path[0])
	if p.value == "" || p.value == "*" && vr != dicom.UI {
		return nil
	}
	k, err := s.parseKey(path, vr, p.value)
	if err != nil {
		return &problem{http.StatusBadRequest, "The value for " + name + " does not fit its value representation.", err}
	}
	if path[0] == tag.TimezoneOffsetFromUTC && len(path) == 1 && !k.Empty { // what the times of the other keys are in (PS3.4 C.2.2.2.5)
		zone := repairPlus(p.value, vr, path)
		if _, ok := query.ParseOffset(zone); !ok {
			return fail(http.StatusBadRequest, "The value for "+name+" is no offset from UTC.")
		}
		s.Rules.Zone = zone
		return nil
	}
	return s.add(k, name)
}

// add puts a key where it is matched.
func (s *searchRequest) add(k query.Key, name string) error {
	to, from := &s.Keys, s.fromPath
	switch t := k.Path[0]; {
	case t == tag.SOPClassesInStudy && s.Level == storage.LevelStudy: // studies that have such an instance
		k.Path = []dicom.Tag{tag.SOPClassUID}
	case storage.LevelOf(t) > 0 || searchable(t):
	case !computed(t) && inHeads(s.Level, t):
		to, from = &s.inHeads, 0
	default:
		s.warnings = append(s.warnings, "The attribute "+name+" cannot be matched at this level and was ignored.")
		return nil
	}
	for i := from; i < len(*to); i++ {
		have := &(*to)[i]
		if !slices.Equal(have.Path, k.Path) {
			continue
		}
		if k.VR != dicom.UI || k.Empty || have.Empty {
			return fail(http.StatusBadRequest, "The attribute "+name+" is given more than once.")
		}
		have.Values = append(have.Values, k.Values...)
		return nil
	}
	if *to = append(*to, k); len(s.Keys)+len(s.inHeads) > maxKeys {
		return fail(http.StatusBadRequest, "Too many attributes in one query.")
	}
	return nil
}

// searchable tells whether the index matches an attribute that it computes.
func searchable(t dicom.Tag) bool {
	switch t {
	case tag.ModalitiesInStudy, tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances, tag.InstanceAvailability,
		tag.NumberOfSeriesRelatedInstances, tag.AvailableTransferSyntaxUID:
		return true
	}
	return false
}

// flag tells whether a parameter is true.
func (q *request) flag(name string) bool {
	for _, p := range q.query {
		if strings.EqualFold(p.name, name) {
			return strings.EqualFold(p.value, "true")
		}
	}
	return false
}

// parseAttribute reads a keyword, a tag of eight hexadecimal digits, or a path of
// them joined by dots (PS3.18 8.3.4.1). The VR is that of the last.
func parseAttribute(s string) (path []dicom.Tag, vr dicom.VR, ok bool) {
	if len(s) > 1024 {
		return nil, 0, false
	}
	for part := range strings.SplitSeq(s, ".") {
		t, ok := parseTag(part)
		if !ok {
			return nil, 0, false
		}
		path = append(path, t)
	}
	return path, dicom.VROf(path[len(path)-1]), true
}

func parseTag(s string) (dicom.Tag, bool) {
	if len(s) == 8 {
		if n, err := strconv.ParseUint(s, 16, 32); err == nil {
			return dicom.Tag(n), true
		}
	}
	e, ok := dicom.LookupKeyword(s)
	return e.Tag, ok
}

func attributeName(path []dicom.Tag) string {
	if e, ok := dicom.Lookup(path[len(path)-1]); ok && len(path) == 1 {
		return e.Keyword
	}
	return path[len(path)-1].String()
}

// parseKey reads the value of a matching key. UIDs that break PS3.5 9.1 are let
// through, because objects bear them.
func (s *searchRequest) parseKey(path []dicom.Tag, vr dicom.VR, value string) (query.Key, error) {
	if s.empty && value == query.EmptyValue {
		return query.Key{Path: path, VR: vr, Empty: true}, nil
	}
	k, err := query.Parse(path, vr, repairPlus(value, vr, path))
	k.Every = s.every && len(k.Values) > 1 && query.Enumerates(k.Tag(), vr)
	if err == nil || vr != dicom.UI {
		return k, err
	}
	k = query.Key{Path: path, VR: vr}
	for u := range strings.FieldsFuncSeq(value, func(c rune) bool { return c == ',' || c == '\\' }) {
		if u = strings.TrimSpace(u); !nameable(u) {
			return k, err
		}
		k.Values = append(k.Values, u)
	}
	return k, nil
}

// repairPlus gives back the sign of a UTC offset that was sent as an unescaped
// '+' and so became a space.
func repairPlus(v string, vr dicom.VR, path []dicom.Tag) string {
	if vr == dicom.DT || path[len(path)-1] == tag.TimezoneOffsetFromUTC {
		return strings.ReplaceAll(v, " ", "+")
	}
	return v
}
