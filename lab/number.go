package lab

import (
	"encoding/json"
	"strings"
)

// comparators in the order in which they are looked for, and what they mean.
var comparators = [...][2]string{
	{"<=", "<="}, {"=<", "<="}, {">=", ">="}, {"=>", ">="}, {"≤", "<="}, {"≥", ">="}, {"<", "<"}, {">", ">"},
}

// cutComparator takes a comparator off the front of s.
func cutComparator(s string) (comparator, rest string) {
	if s == "" || s[0] >= '0' && s[0] <= '9' { // most are so
		return "", s
	}
	for _, c := range comparators {
		if rest, ok := strings.CutPrefix(s, c[0]); ok {
			return c[1], strings.TrimSpace(rest)
		}
	}
	return "", s
}

// number reads a decimal number and gives it as JSON writes it, with the digits
// as sent: "+3.50" becomes 3.50, ".5" 0.5, "007" 7. A single comma is taken
// for a decimal point (comma is true) unless three digits follow, which may be a thousand.
func number(s string) (n json.Number, comma, ok bool) {
	if canonical(s) { // most are so
		return json.Number(s), false, true
	}
	s = strings.TrimSpace(s)
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		before, after, _ := strings.Cut(s, ",")
		if len(after) == 3 && strings.Trim(before, "+-0") != "" {
			return "", true, false
		}
		s, comma = before+"."+after, true
	}
	s, negative := strings.CutPrefix(s, "-")
	if !negative {
		s = strings.TrimPrefix(s, "+")
	}
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
		if e := strings.TrimLeft(exponent[1:], "+-"); len(exponent)-len(e) > 2 || e == "" || len(e) > 3 || !digits(e) {
			return "", comma, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !digits(whole) || !digits(fraction) || whole+fraction == "" || len(s) > 64 {
		return "", comma, false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	if negative {
		whole = "-" + whole
	}
	return json.Number(whole + fraction + exponent), comma, true
}

// canonical tells whether s is a decimal number as JSON writes it, without sign and exponent.
func canonical(s string) bool {
	whole := len(s)
	for i := range len(s) {
		switch {
		case s[i] == '.' && whole == len(s):
			whole = i
		case s[i] < '0' || s[i] > '9':
			return false
		}
	}
	return whole > 0 && whole != len(s)-1 && len(s) <= 64 && (whole == 1 || s[0] != '0')
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
