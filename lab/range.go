package lab

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/halong-gateway/halong/hl7v2"
)

// parseRange reads OBX-7 (HL7 7.4.2.7): "3.5-5.0", "[ 49 - 92 ]", "80 to 95", "<40", ">=5", a text that is the normal
// result, several ranges by sex and age; or three components of which the second and third are the limits,
// as some senders write. What cannot be read has its text alone.
func (x *reader) parseRange(f hl7v2.Value) *Range {
	if f.Empty() || f.Null() {
		return nil
	}
	v := f.Repetition(1)
	text := strings.TrimSpace(f.Text())
	if text == "" {
		return nil
	}
	r := &x.shelves.ranges.place()[0]
	r.Text = text
	first := text // repetitions may be several ranges
	if v.Count() != 1 {
		first = strings.TrimSpace(v.Component(1).Text())
	}
	if l, ok := limits(first); ok {
		r.Limits = l
		return r
	}
	if low, high, ok := pair(v.Component(2).Text(), v.Component(3).Text()); ok {
		r.Low, r.High = low, high
		return r
	}
	if r.Forms = forms(first); r.Forms == nil {
		r.Normal = normal(first)
	}
	return r
}

// limits reads one range without conditions.
func limits(s string) (l Limits, ok bool) {
	s = bare(s)
	if s == "" {
		return l, false
	}
	if s[0] >= '0' && s[0] <= '9' { // most are so
		low, high, ok := between(s)
		return Limits{Low: low, High: high}, ok
	}
	if c, rest := cutComparator(s); c != "" {
		return compared(c, rest)
	}
	if rest, found := cutWord(s, "to", "upto", "up to", "đến", "tới", "dưới", "under", "below", "less than"); found {
		strict := !strings.HasPrefix(strings.ToLower(s), "to") && !strings.HasPrefix(strings.ToLower(s), "up") && !hasAnyPrefix(s, "đến", "tới")
		if n, ok := amountOf(rest); ok {
			return Limits{High: n, HighExclusive: strict}, true
		}
		return l, false
	}
	if rest, found := cutWord(s, "trên", "over", "above", "more than", "greater than"); found {
		if n, ok := amountOf(rest); ok {
			return Limits{Low: n, LowExclusive: true}, true
		}
		return l, false
	}
	low, high, ok := between(s)
	return Limits{Low: low, High: high}, ok
}

// bare takes brackets around a range away.
func bare(s string) string {
	s = strings.TrimSpace(s)
	for len(s) > 1 && (s[0] == '[' && s[len(s)-1] == ']' || s[0] == '(' && s[len(s)-1] == ')') {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// cutWord takes one of the words, in any case, off the front of s.
func cutWord(s string, words ...string) (rest string, found bool) {
	low := strings.ToLower(s)
	for _, w := range words {
		if strings.HasPrefix(low, w+" ") && len(low) == len(s) {
			return strings.TrimSpace(s[len(w):]), true
		}
	}
	return s, false
}

// compared reads what follows a comparator: a number, or a second limit too ("> 1 and < 5", "≥1-<5").
func compared(c, rest string) (l Limits, ok bool) {
	if n, ok := amountOf(rest); ok {
		l.limit(c, n)
		return l, true
	}
	for _, sep := range []string{" and ", " và ", "&", ";", "-"} {
		a, b, found := strings.Cut(rest, sep)
		if !found {
			continue
		}
		n1, ok1 := amountOf(a)
		c2, b := cutComparator(strings.TrimSpace(b))
		n2, ok2 := amountOf(b)
		if ok1 && ok2 && c2 != "" && c[0] != c2[0] {
			l.limit(c, n1)
			l.limit(c2, n2)
			return l, true
		}
	}
	return l, false
}

func (l *Limits) limit(comparator string, n json.Number) {
	switch comparator {
	case "<":
		l.High, l.HighExclusive = n, true
	case "<=":
		l.High = n
	case ">":
		l.Low, l.LowExclusive = n, true
	case ">=":
		l.Low = n
	}
}

// unitAfter matches a unit behind a number: it says nothing that OBX-6 does not.
var unitAfter = regexp.MustCompile(`^([+-]?[0-9][0-9.,]*)\s*[%a-zA-Zµμ][%a-zA-Zµμ0-9/^*.]*$`)

// amountOf reads a number that may have a unit after it.
func amountOf(s string) (json.Number, bool) {
	if n, _, ok := number(s); ok {
		return n, true
	}
	if m := unitAfter.FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		n, _, ok := number(m[1])
		return n, ok
	}
	return "", false
}

// dashes are what senders write between two numbers.
var dashes = strings.NewReplacer("–", "-", "—", "-", "−", "-", "÷", "-", "~", "-")

// between reads two numbers with a dash, "to", two dots or the like between them; the first may be negative.
func between(s string) (low, high json.Number, ok bool) {
	if i := strings.IndexByte(s[min(1, len(s)):], '-'); i >= 0 { // most are so
		if low, high, ok = pair(s[:i+1], s[i+2:]); ok {
			return low, high, true
		}
	}
	s = dashes.Replace(s)
	for _, word := range []string{" to ", " đến ", " TO ", "..", "_"} {
		if a, b, found := strings.Cut(s, word); found {
			return pair(a, b)
		}
	}
	if s == "" {
		return "", "", false
	}
	i := strings.IndexByte(s[1:], '-')
	if i < 0 {
		return "", "", false
	}
	return pair(s[:i+1], s[i+2:])
}

// pair reads two limits. Those that are the wrong way round are a slip, of which nobody knows how far it goes.
func pair(a, b string) (low, high json.Number, ok bool) {
	low, ok1 := amountOf(a)
	high, ok2 := amountOf(b)
	if !ok1 || !ok2 {
		return low, high, false
	}
	l, err1 := low.Float64()
	h, err2 := high.Float64()
	return low, high, err1 == nil && err2 == nil && l <= h
}

// unitWithin matches a unit behind a number of a range that is one without doubt: other words may be anything.
var unitWithin = regexp.MustCompile(`[0-9]\s*(%|[a-zA-Zµμ][a-zA-Zµμ0-9^*.]*/[a-zA-Zµμ0-9/^*.]+)`)

// spelling is what makes no difference between two units.
var spelling = strings.NewReplacer("\u00b5", "u", "\u03bc", "u", " ", "", "x10", "10", "X10", "10", "^", "", "*", "")

// isOf tells whether a range may be one of values with these units (OBX-6): it names no other.
func (r *Range) isOf(units *Coded) bool {
	if r == nil || units == nil || !strings.ContainsAny(r.Text, "/%") {
		return true
	}
	same := func(a, b string) bool { return strings.EqualFold(spelling.Replace(a), spelling.Replace(b)) }
	for _, m := range unitWithin.FindAllStringSubmatch(r.Text, -1) {
		if !same(m[1], units.Code) && !same(m[1], units.Text) {
			return false
		}
	}
	return true
}

// normals are texts that say which result is normal, in lower case.
var normals = []string{
	"negative", "neg", "non-reactive", "nonreactive", "non reactive", "normal", "none", "not detected", "none detected", "no growth",
	"absent", "clear", "yellow", "âm tính", "am tinh", "không", "không phát hiện", "bình thường",
}

// normal gives a text that is the normal result.
func normal(s string) string {
	s = bare(s)
	low := strings.ToLower(s)
	for _, n := range normals {
		if low == n {
			return s
		}
	}
	return ""
}
