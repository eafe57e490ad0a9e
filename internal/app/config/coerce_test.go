package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const coercions = `
coerce:
  - name: numbers
    receive: true
    rules:
      - match:
          facility: BV1
          calling_ae: [CT*, MR1]
          attributes: {PatientID: "\\d+", PatientSex: ""}
        reason: CORRECT
        actions:
          - {replace: PatientID, regex: "^0*", with: BV1-}
          - {set: PatientName, from: patient}
          - {replace: Modality, table: {CT: MR, 12: 0013}}
      - actions: [{set: StudyID, value: 0012}, {copy: AccessionNumber, to: StudyID}, {remove: PatientComments}]
  - {name: plain, rules: [{actions: [{set: InstitutionName, value: [A, B]}]}]}
deidentify:
  - {project: lung, key_file: lung.key, options: [retain_modified_dates, clean_descriptors], burned_in: refuse}
dicom:
  destinations: [{ae: PACS, address: "10.0.0.1:104", coerce: [plain], deidentify: lung}]
`

func TestCoercions(t *testing.T) {
	c := Default()
	if _, err := decode([]byte(coercions), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	rules, err := c.Coercions()
	if err != nil || len(rules) != 2 || !rules["numbers"].NeedsSender() || rules["plain"].NeedsSender() {
		t.Error(rules, err)
	}
	a := c.Coerce[0].Rules[1].Actions[0]
	if d := cmp.Diff(Texts{"0012"}, a.Value); d != "" {
		t.Errorf("a number is taken as it is written: %s", d)
	}
	if d := cmp.Diff(Table{"CT": "MR", "12": "0013"}, c.Coerce[0].Rules[0].Actions[2].Table); d != "" {
		t.Error(d)
	}
}

// Rules that cannot work are told with their line.
func TestCoercionFaults(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"uid", "set: StudyID", "set: StudyInstanceUID", "line 15: coerce[0].rules[1].actions[0].set: (0020,000D) is a UID"},
		{"pixels", "remove: PatientComments", "remove: Rows", "line 15: coerce[0].rules[1].actions[2].remove: (0028,0010) describes the pixels"},
		{"keyword", "replace: PatientID", "replace: PatientId", "line 12: coerce[0].rules[0].actions[0].replace"},
		{"regex", `regex: "^0*"`, `regex: "("`, "line 12: coerce[0].rules[0].actions[0].regex"},
		{"reason", "CORRECT", "WHIM", "line 10: coerce[0].rules[0].reason"},
		{"value", "value: 0012", "value: 00000000000000012", "line 15: coerce[0].rules[1].actions[0].value"},
		{"two kinds", "{remove: PatientComments}", "{remove: PatientComments, set: StudyID}", "line 15: coerce[0].rules[1].actions[2]: one of"},
		{"attribute of a match", "PatientSex:", "Sex:", "line 9: coerce[0].rules[0].match.attributes"},
		{"name", "name: plain", "name: numbers", "coerce[1].name: \"numbers\" is there twice"},
		{"destination", "coerce: [plain]", "coerce: [numbers]", "dicom.destinations[0].coerce[0]: the rules \"numbers\" ask for"},
		{"unknown rules", "coerce: [plain]", "coerce: [plane]", "dicom.destinations[0].coerce[0]: \"plane\" is not"},
		{"unknown project", "deidentify: lung", "deidentify: heart", "dicom.destinations[0].deidentify: \"heart\" is not"},
		{"option", "clean_descriptors", "clean_everything", "line 18: deidentify[0].options: options[1]: \"clean_everything\""},
		{"both dates", "clean_descriptors", "retain_full_dates", "line 18: deidentify[0]: deid: retain_full_dates"},
		{"pixels pass", "clean_descriptors], burned_in: refuse", "clean_pixel_data]", "line 18: deidentify[0]: deid: pixels"},
		{"no key", "key_file: lung.key, ", "", "line 18: deidentify[0].key_file"},
	} {
		text := strings.Replace(coercions, c.from, c.to, 1)
		if text == coercions {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		cfg := Default()
		at, err := decode([]byte(text), cfg)
		if err == nil {
			err = cfg.Check()
			at.locate(err)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, text := range []string{"coerce: [{name: x, rules: [{actions: [{set: StudyID, value: {a: b}}]}]}]", "coerce: [{name: x, rules: [{match: {attributes: [a]}}]}]"} {
		if _, err := decode([]byte(text), Default()); err == nil || !strings.Contains(err.Error(), "[1:") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Whatever is written there, reading it ends with rules or with an error.
func FuzzCoercions(f *testing.F) {
	f.Add(coercions)
	f.Add("coerce: [{name: a, rules: [{match: {facility: [1, x]}, actions: [{set: \"(0010,0020)\", value: |\n  a\n}]}]}]")
	f.Add("coerce: {a: b}")
	f.Add("coerce: [{rules: [{actions: [{replace: PatientID, table: &a {x: *a}}]}]}]")
	f.Fuzz(func(_ *testing.T, text string) {
		c := Default()
		if _, err := decode([]byte(text), c); err == nil {
			_, _ = c.Coercions()
			_ = c.checkCoerce()
		}
	})
}
