package lab

import (
	"regexp"
	"strings"
)

// formSplit divides a text that holds several ranges.
var formSplit = regexp.MustCompile(`[;\n~|]|,\s+|\s/\s`)

// sexes are words for a sex before or after a range, and what table 0001 calls it. Vietnamese: nam, nữ.
var sexes = []struct {
	sex   string
	words *regexp.Regexp
}{
	{"M", regexp.MustCompile(`(?i)(?:^|[\s(\[])(m|male|males|man|men|nam|♂)(?:[\s:.)\]=]|$)`)},
	{"F", regexp.MustCompile(`(?i)(?:^|[\s(\[])(f|female|females|woman|women|nữ|nu|♀)(?:[\s:.)\]=]|$)`)},
}

// ages matches words for an age before or after a range.
var ages = regexp.MustCompile(`(?i)(adults?|child(?:ren)?|infants?|newborns?|neonates?|người lớn|trẻ em|trẻ sơ sinh|` +
	`[<>≤≥]?=?\s*\d+(?:\s*(?:-|to)\s*\d+)?\s*(?:yrs?|years?|months?|mths?|mo|days?|weeks?|wks?|tuổi|tháng|ngày|y)(?:\s*old)?)(?:[\s:.)\]=,]|$)`)

// forms reads several ranges by sex or age: "M: 13-18; F: 12-16", "Nam 4.5-5.9, Nữ 4.0-5.2", "0-1 y: 3-6", also one that has a
// condition. Nil if there is none, or if anything in the text is not understood: half a range misleads.
func forms(s string) []RangeForm {
	var list []RangeForm
	for _, part := range divided(s) {
		f, ok := oneForm(part)
		if !ok {
			return nil
		}
		list = append(list, f)
	}
	return list
}

// divided gives the parts of a text that may each be a range. Without separators, each word for a sex begins one.
func divided(s string) []string {
	var parts []string
	for _, p := range formSplit.Split(s, -1) {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) != 1 {
		return parts
	}
	var at []int
	for _, x := range sexes {
		for _, m := range x.words.FindAllStringSubmatchIndex(s, -1) {
			at = append(at, m[0])
		}
	}
	if len(at) == 2 && max(at[0], at[1]) > 0 && min(at[0], at[1]) == 0 {
		cut := max(at[0], at[1])
		return []string{strings.TrimSpace(s[:cut]), strings.TrimSpace(s[cut:])}
	}
	return parts
}

// oneForm reads one range with its condition.
func oneForm(s string) (f RangeForm, ok bool) {
	if loc := ages.FindStringSubmatchIndex(s); loc != nil {
		f.Age = strings.TrimSpace(s[loc[2]:loc[3]])
		s = s[:loc[2]] + " " + s[loc[3]:]
	}
	for _, x := range sexes {
		if loc := x.words.FindStringSubmatchIndex(s); loc != nil {
			if f.Sex != "" {
				return f, false
			}
			f.Sex = x.sex
			s = s[:loc[2]] + " " + s[loc[3]:]
		}
	}
	if f.Sex == "" && f.Age == "" {
		return f, false
	}
	s = strings.NewReplacer("()", "", "[]", "", "( )", "", "[ ]", "", "=", "").Replace(s)
	s = strings.Trim(s, " :,.;")
	f.Limits, ok = limits(s)
	return f, ok
}
