package coerce

import (
	"regexp"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// match is a compiled Match.
type match struct {
	facility   []string
	calling    []*regexp.Regexp
	modality   []string
	class      []dicom.UID
	attributes []attributeMatch
}

type attributeMatch struct {
	path  Path
	value *regexp.Regexp
}

// holds tells whether the rule is for an object.
func (m *match) holds(s *dataset.Set, about *About) bool {
	if len(m.facility) > 0 && !slices.Contains(m.facility, about.Facility) ||
		len(m.modality) > 0 && !slices.Contains(m.modality, s.String(tag.Modality)) ||
		len(m.class) > 0 && !slices.Contains(m.class, s.UID(tag.SOPClassUID)) {
		return false
	}
	calls := func(re *regexp.Regexp) bool { return re.MatchString(about.CallingAE) }
	if len(m.calling) > 0 && !slices.ContainsFunc(m.calling, calls) {
		return false
	}
	for i := range m.attributes {
		if !m.attributes[i].holds(s) {
			return false
		}
	}
	return true
}

func (a *attributeMatch) holds(s *dataset.Set) bool {
	values := a.path.values(s)
	if len(values) == 0 {
		return a.value.MatchString("")
	}
	return slices.ContainsFunc(values, a.value.MatchString)
}

// wildcard compiles an AE title in which * stands for any characters.
func wildcard(p string) (*regexp.Regexp, error) {
	return anchored(strings.ReplaceAll(regexp.QuoteMeta(p), `\*`, ".*"))
}
