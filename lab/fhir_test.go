package lab

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/corpus"
)

var updateGolden = flag.Bool("update", false, "write testdata/fhir-differences.txt")

// fhirObservation is what is compared of an Observation resource.
type fhirObservation struct {
	ResourceType string
	Status       string
	Code         fhirCode
	Component    []fhirObservation
	fhirValue
	EffectiveDateTime string
	ReferenceRange    []struct{ Text string }
	Interpretation    []fhirCode
	Note              []struct{ Text string }
	Extension         []struct{ ValueCodeableConcept fhirCode }
	PresentedForm     []struct{ ContentType, URL string }
}

type fhirValue struct {
	ValueQuantity *struct {
		Value      json.Number
		Unit, Code string
		Comparator string
	}
	ValueString          *string
	ValueCodeableConcept *fhirCode
	ValueDateTime        *string
}

type fhirCode struct {
	Coding []struct{ Code, Display string }
	Text   string
}

func (c *fhirCode) code() string {
	if c == nil || len(c.Coding) == 0 {
		return ""
	}
	return c.Coding[0].Code
}

// plain writes a number without what does not change its value.
func plain(n json.Number) string {
	f, err := n.Float64()
	if err != nil {
		return string(n)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func (v *fhirValue) text() string {
	switch {
	case v.ValueQuantity != nil:
		u := v.ValueQuantity.Code
		if u == "" {
			u = v.ValueQuantity.Unit
		}
		return strings.TrimSpace(v.ValueQuantity.Comparator + plain(v.ValueQuantity.Value) + " " + u)
	case v.ValueString != nil:
		return *v.ValueString
	case v.ValueCodeableConcept != nil:
		if c := v.ValueCodeableConcept.code(); c != "" {
			return c
		}
		return v.ValueCodeableConcept.Text
	case v.ValueDateTime != nil:
		return *v.ValueDateTime
	}
	return ""
}

// facts is an observation as it is compared: name and value of each fact.
type facts map[string]string

func (o *fhirObservation) facts() facts {
	f := facts{"code": o.Code.code(), "time": o.EffectiveDateTime}
	if f["code"] == "" {
		f["code"] = o.Code.Text
	}
	f["value"] = o.text()
	for _, c := range o.Component {
		f["value"] += "~" + c.text()
		if len(o.ReferenceRange) == 0 {
			o.ReferenceRange = c.ReferenceRange
		}
	}
	f["value"] = strings.TrimPrefix(f["value"], "~")
	for _, e := range o.Extension {
		if len(e.ValueCodeableConcept.Coding) > 0 {
			f["status"] = e.ValueCodeableConcept.Coding[0].Code
		}
	}
	if len(o.ReferenceRange) > 0 {
		f["range"] = o.ReferenceRange[0].Text
	}
	for _, i := range o.Interpretation {
		f["flags"] += " " + i.code()
	}
	for _, n := range o.Note {
		f["notes"] += " " + n.Text
	}
	return f.trimmed()
}

func (f facts) trimmed() facts {
	for k, v := range f {
		if f[k] = strings.TrimSpace(v); f[k] == "" {
			delete(f, k)
		}
	}
	return f
}

func (o *Observation) facts() facts {
	f := facts{"code": o.Code.Code, "time": o.Observed, "status": o.HL7Status, "flags": strings.Join(o.Flags, " "), "notes": strings.Join(o.Notes, " ")}
	if f["code"] == "" {
		f["code"] = o.Code.Text
	}
	if o.Range != nil {
		f["range"] = o.Range.Text
	}
	unit := ""
	if o.Units != nil {
		unit = " " + o.Units.Code
	}
	var values []string
	for _, v := range o.Values {
		switch {
		case v.Coded != nil:
			values = append(values, v.Coded.Code)
		case v.Time != "":
			values = append(values, v.Time)
		case v.Number != "" && o.Type != "ST":
			values = append(values, v.Comparator+plain(v.Number)+unit)
		default:
			values = append(values, v.Text)
		}
	}
	f["value"] = strings.Join(values, "~")
	return f.trimmed()
}

// sameTime compares times that one side has turned into another zone, or into a day.
func sameTime(ours, theirs string) bool {
	a, ok1 := instant(ours)
	b, ok2 := instant(theirs)
	return ok1 && ok2 && a.Equal(b) || strings.HasPrefix(theirs, ours) || strings.HasPrefix(ours, theirs) && theirs != ""
}

// differences tells what two lists of observations, in the order of the message, do not have in common.
func differences(ours, theirs []facts) (out []string) {
	used := make([]bool, len(theirs))
	for _, o := range ours {
		best, most := -1, 0
		for i, t := range theirs {
			same := 0
			for k, v := range o {
				if t[k] == v || k == "time" && sameTime(v, t[k]) {
					same++
				}
			}
			if !used[i] && o["code"] == t["code"] && same > most {
				best, most = i, same
			}
		}
		if best < 0 {
			out = append(out, fmt.Sprintf("%s: only ours: %s", o["code"], o["value"]))
			continue
		}
		used[best] = true
		t := theirs[best]
		for _, k := range []string{"value", "status", "time", "range", "flags", "notes"} {
			if o[k] != t[k] && !(k == "time" && sameTime(o[k], t[k])) {
				out = append(out, fmt.Sprintf("%s: %s %q, theirs %q", o["code"], k, o[k], t[k]))
			}
		}
	}
	for i, t := range theirs {
		if !used[i] {
			out = append(out, fmt.Sprintf("%s: only theirs: %s", t["code"], t["value"]))
		}
	}
	return out
}

// TestFHIRConverter holds the values of our observations against those of the bundles that Microsoft's FHIR-Converter makes
// of the same messages. What differs is in testdata/fhir-differences.txt, each kind explained in docs/lab.md.
func TestFHIRConverter(t *testing.T) {
	dir := corpus.Dir(t, "hl7v2/ms-fhir-converter")
	files, err := filepath.Glob(filepath.Join(dir, "expected-fhir", "*", "*-expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var report []string
	compared, messages := 0, 0
	for _, file := range files {
		family := filepath.Base(filepath.Dir(file))
		if !strings.HasPrefix(family, "ORU_") && !strings.HasPrefix(family, "OUL_") && !strings.HasPrefix(family, "MDM_") {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(file), "-expected.json")
		raw, err := os.ReadFile(filepath.Join(dir, "messages", name+".hl7"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := hl7v2.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		var ours []facts
		attachments := 0
		for _, g := range Read(m) {
			for _, r := range g.Reports {
				for o := range r.Each() {
					if o.Type == "ED" || o.Type == "RP" { // they become presentedForm of a DiagnosticReport
						attachments++
						continue
					}
					ours = append(ours, o.facts())
				}
			}
		}
		theirs, forms := readBundle(t, file)
		messages++
		compared += len(theirs)
		if attachments != forms {
			report = append(report, fmt.Sprintf("%s: %d attachments, theirs %d", name, attachments, forms))
		}
		for _, d := range differences(ours, theirs) {
			report = append(report, name+": "+d)
		}
	}
	got := strings.Join(report, "\n") + "\n"
	golden := filepath.Join("testdata", "fhir-differences.txt")
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Error(d)
	}
	t.Logf("%d messages, %d observations of theirs, %d differences", messages, compared, len(report))
	if messages != 14 || compared < 60 {
		t.Errorf("%d messages, %d observations compared", messages, compared)
	}
}

func readBundle(t *testing.T, file string) (all []facts, forms int) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bundle struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(b, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle.Entry {
		var kind struct{ ResourceType string }
		if err := json.Unmarshal(e.Resource, &kind); err != nil {
			t.Fatal(err)
		}
		if kind.ResourceType != "Observation" && kind.ResourceType != "DiagnosticReport" {
			continue
		}
		var o fhirObservation
		if err := json.Unmarshal(e.Resource, &o); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if forms += len(o.PresentedForm); kind.ResourceType == "Observation" {
			all = append(all, o.facts())
		}
	}
	return all, forms
}
