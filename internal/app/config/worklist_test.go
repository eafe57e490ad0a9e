package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// worklistPage gives the examples of docs/worklist.md: what is indented by four columns after the heading Configuration, and the page.
func worklistPage(t *testing.T) (examples []string, page string) {
	t.Helper()
	b, err := os.ReadFile("../../../docs/worklist.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "\n## Configuration\n")
	after, _, _ = strings.Cut(after, "\n## ")
	for _, block := range regexp.MustCompile(`(?m)(^    .*\n)+`).FindAllString(after, -1) {
		examples = append(examples, strings.ReplaceAll("\n"+block, "\n    ", "\n"))
	}
	return examples, string(b)
}

// The page's examples are right, and name every key.
func TestWorklistDocumented(t *testing.T) {
	examples, page := worklistPage(t)
	if len(examples) < 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, text := range examples {
		c := Default()
		if _, err := decode([]byte(text), c); err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		c.DICOM.Destinations = append(c.DICOM.Destinations, Destination{AE: "RIS", Address: "10.0.0.1:104"})
		if err := c.checkWorklist(); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	var all func(s reflect.Type)
	all = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			if key := f.Tag.Get("yaml"); !strings.Contains(page, key+":") {
				t.Errorf("docs/worklist.md gives no example of %s", key)
			}
			switch of := f.Type; {
			case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct:
				all(of.Elem())
			case of.Kind() == reflect.Struct:
				all(of)
			}
		}
	}
	all(reflect.TypeFor[Worklist]())
}

// A mapping that cannot work is told with its line, all that is wrong with it at once.
func TestWorklistFaults(t *testing.T) {
	const text = `
worklist:
  preset: hl7
  start: [TQ1.7, OBR-27.4]
  accession: ["OBX[2]-5"]
  priority: [priority]
  priorities: {T: FAST}
  modalities: {XQ: dx ray}
  status: {NW_RP: sheduled, nw: ignored}
  assign:
    - {modality: "[CT", stations: [CT2]}
    - {modality: CT}
    - {modality: CT, stations: [AVERYLONGAETITLE1]}
    - {procedure: SA*, stations: [US1], set_modality: ultra sound}
  cancel_started: maybe
  mpps: {forward: [RIS], tries: 0}
  stations:
    - {ae: CT1, charset: UTF-8}
    - {ae: CT1}
`
	c := Default()
	at, err := decode([]byte(text), c)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Check()
	at.locate(err)
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{
		`line 3: worklist.preset: "hl7" is neither`, `line 4: worklist.start: "TQ1.7" is no place`, `line 5: worklist.accession: "OBX[2]-5" is no place`,
		`line 6: worklist.priority: "priority" is no place`, `line 7: worklist.priorities.T: "FAST" is none of`, `line 8: worklist.modalities.XQ: "dx ray" is no modality`,
		`line 9: worklist.status.NW_RP: "sheduled"`, `line 9: worklist.status.nw: "ignored"`, `line 11: worklist.assign[0]: pattern "[CT"`, `line 12: worklist.assign[1]: no station`,
		`line 13: worklist.assign[2].stations[0]: "AVERYLONGAETITLE1" is no AE title`, `line 14: worklist.assign[3].set_modality`, `line 15: worklist.cancel_started`,
		`line 16: worklist.mpps.forward[0]`, `line 16: worklist.mpps.tries`, `line 18: worklist.stations[0].charset`, `line 19: worklist.stations[1].ae: "CT1" is there twice`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in\n%v", want, err)
		}
	}
}
