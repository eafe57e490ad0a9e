package lab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// folded folds versions of one report, each given by its OBX segments after the time of its message.
func folded(t testing.TB, messages ...[]string) Shown {
	t.Helper()
	var versions []Version
	for i, m := range messages {
		lines := append([]string{"MSH|^~\\&|LIS|BV1|||" + m[0] + "||ORU^R01|1|P|2.5.1", "PID|1||7", "OBR|1||F1|A"}, m[1:]...)
		r := reports(t, lines...)[0]
		id := NewID(uint64(i+1), 0)
		h := Head{ID: id, First: NewID(1, 0), Number: i + 1, Received: time.Unix(int64(i), 0), Status: r.Status, Sent: r.Sent, Link: r.link()}
		if i > 0 {
			h.Late = late(r.Status, r.Sent, versions[i-1].Status, versions[i-1].Sent)
		}
		versions = append(versions, Version{Head: h, report: r})
	}
	all, err := Fold(versions, true)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0]
}

func TestFold(t *testing.T) {
	for name, c := range map[string]struct {
		in   [][]string
		want []string
	}{
		"U makes a preliminary result final without sending it again": {
			[][]string{{"1000", "OBX|1|NM|A||5||||||P", "OBX|2|NM|B||6||||||P"}, {"1001", "OBX|1|NM|A||||||||U"}},
			[]string{"A 5 final U", "B 6 preliminary P"},
		},
		"U with a value replaces it": {
			[][]string{{"1000", "OBX|1|NM|A||5||||||P"}, {"1001", "OBX|1|NM|A||7||||||U"}},
			[]string{"A 7 final U"},
		},
		"a duplicate is not shown": {
			[][]string{{"1000", "OBX|1|NM|A||5||||||F", "OBX|2|NM|A||5||||||F"}},
			[]string{"A 5 final F"},
		},
		"D takes a result out, and it may come again": {
			[][]string{{"1000", "OBX|1|NM|A||5||||||F"}, {"1001", "OBX|1|NM|A||5||||||D"}, {"1002", "OBX|1|NM|A||6||||||F"}},
			[]string{"A 6 final F"},
		},
		"all lines of a text are replaced at once": {
			[][]string{{"1000", "OBX|1|TX|T||a||||||P", "OBX|2|TX|T||b||||||P", "OBX|3|TX|T||c||||||P"}, {"1001", "OBX|1|TX|T||x||||||F"}},
			[]string{"T x final F"},
		},
		"a late preliminary one": {
			[][]string{{"1002", "OBX|1|NM|A||5||||||F"}, {"1001", "OBX|1|NM|A||4||||||P"}},
			[]string{"A 5 final F"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := folded(t, c.in...)
			var got []string
			for _, o := range r.Observations {
				v := ""
				if len(o.Values) > 0 {
					v = o.Values[0].Text
				}
				got = append(got, fmt.Sprintf("%s %s %s %s", o.Code.Code, v, o.Status, o.HL7Status))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if len(r.History) != len(c.in) {
				t.Errorf("%d versions in the history", len(r.History))
			}
		})
	}
}

func TestComputed(t *testing.T) {
	for _, c := range []struct{ value, ref, sex, want string }{
		{"5", "3-6", "", "no"},
		{"2", "3-6", "", "low"},
		{"7", "3-6", "", "high"},
		{"3", "3-6", "", "no"},
		{"6", "3-6", "", "no"},
		{"40", "<40", "", "high"},
		{"39", "<40", "", "no"},
		{"5", ">5", "", "low"},
		{"5", ">=5", "", "no"},
		{"<0.5", "3-6", "", "low"},
		{"<3", "3-6", "", "low"},
		{"<4", "3-6", "", ""},
		{">6", "3-6", "", "high"},
		{">5", "3-6", "", ""},
		{"<1", "<2", "", "no"},
		{"<5", "<2", "", ""},
		{"14", "M: 13-18; F: 12-16", "M", "no"},
		{"12.5", "M: 13-18; F: 12-16", "M", "low"},
		{"12.5", "M: 13-18; F: 12-16", "F", "no"},
		{"12.5", "M: 13-18; F: 12-16", "", ""},
		{"5", "negative", "", ""},
		{"x", "3-6", "", ""},
		{"5", "", "", ""},
	} {
		o := obx(t, "NM", c.value, c.ref)
		if _, got := o.interpretation(c.sex); got != c.want {
			t.Errorf("%s of %s (%s): %q, not %q", c.value, c.ref, c.sex, got, c.want)
		}
	}
	o := obx(t, "NM", "9", "3-6")
	o.Flags = []string{"HH", "x"}
	flags, computed := o.interpretation("")
	if d := cmp.Diff([]Flag{{Code: "HH", Text: "above upper panic limits", Abnormal: "critical-high"}, {Code: "x"}}, flags); d != "" || computed != "" {
		t.Error(d, computed)
	}
}

// The number of an order passes what JavaScript counts to (2^53): it is a text, as /api/orders gives it.
func TestOrderNumberIsText(t *testing.T) {
	b, err := json.Marshal(Shown{Order: &OrderRef{ID: 1<<53 + 1, By: "placer"}})
	if err != nil || !strings.Contains(string(b), `"order":{"id":"9007199254740993","by":"placer"}`) {
		t.Errorf("%s, %v", b, err)
	}
}
