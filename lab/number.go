package lab

import (
	"encoding/json"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// comparators in the order in which they are looked for, and what they mean.
var comparators = [...][2]string{
	{"<=", "<="}, {"=<", "<="}, {">=", ">="}, {"=>", ">="}, {"≤", "<="}, {"≥", ">="}, {"<", "<"}, {">", ">"},
}

// cutComparator takes a comparator off the front of s.
func cutComparator(s string) (comparator, rest string) {
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

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// parseRange reads OBX-7: "3.5-5.0", "49 - 92", "<40", ">=5"; or three components of
// which the second and third are the limits, as some senders write.
func parseRange(v hl7v2.Value) *Range {
	if v.Empty() {
		return nil
	}
	text := strings.TrimSpace(v.Text())
	if text == "" || v.Null() {
		return nil
	}
	r := &Range{Text: text}
	first := strings.TrimSpace(v.Component(1).Text())
	if low, high, ok := limits(first); ok {
		r.Low, r.High = low, high
		return r
	}
	if c, rest := cutComparator(first); c != "" {
		if n, _, ok := number(rest); ok {
			r.limit(c, n)
		}
		return r
	}
	low, _, ok1 := number(v.Component(2).Text())
	high, _, ok2 := number(v.Component(3).Text())
	if ok1 && ok2 {
		r.Low, r.High = low, high
	}
	return r
}

func (r *Range) limit(comparator string, n json.Number) {
	switch comparator {
	case "<":
		r.High, r.HighExclusive = n, true
	case "<=":
		r.High = n
	case ">":
		r.Low, r.LowExclusive = n, true
	case ">=":
		r.Low = n
	}
}

// limits reads two numbers with a dash between them; the first may be negative.
func limits(s string) (low, high json.Number, ok bool) {
	s = strings.ReplaceAll(s, "–", "-")
	if s == "" {
		return "", "", false
	}
	i := strings.IndexByte(s[1:], '-')
	if i < 0 {
		return "", "", false
	}
	low, _, ok1 := number(s[:i+1])
	high, _, ok2 := number(s[i+2:])
	return low, high, ok1 && ok2
}
