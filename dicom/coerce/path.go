package coerce

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Path names an attribute, in items of sequences too.
type Path []Step

// Step is one attribute on a path.
type Step struct {
	Tag  dicom.Tag
	Item int // of a sequence on the way, counted from 0; AllItems; not used in the last step
}

// AllItems stands for every item of a sequence.
const AllItems = -1

// maxSteps bounds the length of a path.
const maxSteps = 16

// ParsePath reads keywords or tags joined by dots: "PatientID", "(0010,0020)", "00100020",
// "RequestAttributesSequence.RequestedProcedureID" (in every item), "(0040,0275)[0].(0040,1001)" (in the first).
func ParsePath(s string) (Path, error) {
	parts := strings.Split(s, ".")
	if len(parts) > maxSteps {
		return nil, fmt.Errorf("a path of more than %d steps", maxSteps)
	}
	var p Path
	for i, part := range parts {
		step, err := parseStep(part)
		if err != nil {
			return nil, err
		}
		if i < len(parts)-1 && dicom.VROf(step.Tag) != dicom.SQ && !step.Tag.IsPrivate() {
			return nil, fmt.Errorf("%s is not a sequence", part)
		}
		if i == len(parts)-1 && strings.HasSuffix(part, "]") {
			return nil, errors.New("a path ends with an attribute, not with an item")
		}
		p = append(p, step)
	}
	return p, nil
}

func parseStep(s string) (Step, error) {
	step := Step{Item: AllItems}
	name, item, found := strings.Cut(s, "[")
	if found {
		digits, ok := strings.CutSuffix(item, "]")
		n, err := strconv.ParseUint(digits, 10, 20)
		if !ok || (err != nil && digits != "*") {
			return step, fmt.Errorf("%q is not an item number in brackets", "["+item)
		}
		if digits != "*" {
			step.Item = int(n)
		}
	}
	t, err := parseTag(name)
	step.Tag = t
	return step, err
}

// parseTag reads a keyword, "(gggg,eeee)" or "ggggeeee".
func parseTag(s string) (dicom.Tag, error) {
	if e, ok := dicom.LookupKeyword(s); ok {
		return e.Tag, nil
	}
	hex := s
	if len(s) == 11 && s[0] == '(' && s[5] == ',' && s[10] == ')' {
		hex = s[1:5] + s[6:10]
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if len(hex) != 8 || err != nil {
		return 0, fmt.Errorf("%q is neither the keyword of a DICOM attribute nor a tag such as (0010,0020)", s)
	}
	return dicom.Tag(n), nil
}

// String writes the path with tags.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.Tag.String())
		if i < len(p)-1 && s.Item != AllItems {
			fmt.Fprintf(&b, "[%d]", s.Item)
		}
	}
	return b.String()
}

// last gives the tag of the attribute itself.
func (p Path) last() dicom.Tag { return p[len(p)-1].Tag }

// sets gives the data set and items that the attribute is or would be in.
func (p Path) sets(s *dataset.Set) []*dataset.Set {
	level := []*dataset.Set{s}
	for _, step := range p[:len(p)-1] {
		var next []*dataset.Set
		for _, in := range level {
			e := in.Get(step.Tag)
			if e == nil {
				continue
			}
			for i, item := range e.Items {
				if step.Item == AllItems || step.Item == i {
					next = append(next, item)
				}
			}
		}
		level = next
	}
	return level
}

// values gives all values of the attribute, in every item that the path names.
func (p Path) values(s *dataset.Set) (all []string) {
	for _, in := range p.sets(s) {
		all = append(all, in.Strings(p.last())...)
	}
	return all
}
