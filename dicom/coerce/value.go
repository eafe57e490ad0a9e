package coerce

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// maxChars is the longest value in characters (PS3.5 table 6.2-1); 0: not bounded here.
var maxChars = map[dicom.VR]int{
	dicom.AE: 16, dicom.AS: 4, dicom.CS: 16, dicom.DA: 8, dicom.DS: 16, dicom.DT: 26, dicom.IS: 12, dicom.LO: 64,
	dicom.LT: 10240, dicom.PN: 64 * 3, dicom.SH: 16, dicom.ST: 1024, dicom.TM: 14,
}

var forms = map[dicom.VR]*regexp.Regexp{
	dicom.AS: regexp.MustCompile(`^\d{3}[DWMY]$`),
	dicom.CS: regexp.MustCompile(`^[A-Z0-9 _]*$`),
	dicom.DA: regexp.MustCompile(`^\d{8}$`),
	dicom.DT: regexp.MustCompile(`^\d{4}(\d\d){0,5}(\.\d{1,6})?([+-]\d{4})?$`),
	dicom.TM: regexp.MustCompile(`^\d\d(\d\d){0,2}(\.\d{1,6})?$`),
	dicom.DS: regexp.MustCompile(`^ *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *$`),
	dicom.IS: regexp.MustCompile(`^ *[+-]?\d+ *$`),
}

// fits tells why an attribute cannot hold a value; the error does not show the value.
func fits(vr dicom.VR, v string) error {
	if v == "" {
		return nil
	}
	text := vr == dicom.LT || vr == dicom.ST || vr == dicom.UT
	switch n := maxChars[vr]; {
	case !utf8.ValidString(v):
		return errors.New("a value that is not UTF-8")
	case n > 0 && utf8.RuneCountInString(v) > n:
		return fmt.Errorf("a value of more than %d characters, which VR %v does not allow", n, vr)
	case !text && strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }):
		return fmt.Errorf("a value with control characters or a backslash, which VR %v does not allow", vr)
	}
	if f := forms[vr]; f != nil && !f.MatchString(v) {
		return fmt.Errorf("a value that is not of the form of VR %v", vr)
	}
	if vr == dicom.PN {
		return personName(v)
	}
	return nil
}

// personName checks the component groups of a name (PS3.5 6.2.1).
func personName(v string) error {
	groups := strings.Split(v, "=")
	for _, g := range groups {
		if strings.Count(g, "^") > 4 || utf8.RuneCountInString(g) > 64 {
			return errors.New("a person's name with too many components or characters")
		}
	}
	if len(groups) > 3 {
		return errors.New("a person's name with more than three component groups")
	}
	return nil
}

// put makes values those of an attribute.
func put(s *dataset.Set, t dicom.Tag, vr dicom.VR, values []string) error {
	for _, v := range values {
		if err := fits(vr, v); err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
	}
	switch vr {
	case dicom.AT, dicom.FD, dicom.FL:
		return fmt.Errorf("%v: values of VR %v are not set by rules", t, vr)
	case dicom.SL, dicom.SS, dicom.SV, dicom.UL, dicom.US, dicom.UV:
		return putInts(s, t, vr, values)
	}
	s.PutString(t, vr, values...)
	return nil
}

func putInts(s *dataset.Set, t dicom.Tag, vr dicom.VR, values []string) error {
	var ints []int64
	for _, v := range values {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return fmt.Errorf("%v: a value that is not a whole number", t)
		}
		ints = append(ints, n)
	}
	s.PutInt(t, vr, ints...)
	return nil
}

// isASCII tells whether no value goes beyond ASCII.
func isASCII(values []string) bool {
	for _, v := range values {
		for i := 0; i < len(v); i++ {
			if v[i] >= utf8.RuneSelf {
				return false
			}
		}
	}
	return true
}
