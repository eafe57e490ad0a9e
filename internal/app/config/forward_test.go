package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
)

func TestForward(t *testing.T) {
	const doc = `
dicom:
  destinations: [{ae: PACS, address: "10.1.0.9:104"}]
forward:
  time_zone: Asia/Ho_Chi_Minh
  keep: 240h
  destinations:
    - {name: pacs, ae: PACS, concurrency: 4, bandwidth: 10MiB, windows: ["Mon-Fri 19:00-07:00", "Sat,Sun"], commit: true}
    - {name: cloud, url: "https://cloud.example/dicom-web", token: abc, max_age: 48h}
  rules:
    - {name: night, facility: [BV1], modality: [CT, MR], description: ["*thorax*"], to: [pacs, cloud]}
    - {sop_class: [1.2.840.10008.5.1.4.1.1.7], calling_ae: ['CAM '], windows: ["08:00-17:00"], to: [cloud]}
`
	c := Default()
	if _, err := decode([]byte(doc), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	rules, err := c.ForwardRules()
	if err != nil || len(rules) != 2 {
		t.Fatal(rules, err)
	}
	zone := rules[1].Schedule.Zone
	w, err := forward.ParseWindow("08:00-17:00")
	if err != nil || zone.String() != "Asia/Ho_Chi_Minh" || rules[1].Schedule.Windows[0] != w {
		t.Errorf("%+v, %v", rules[1].Schedule, err)
	}
	for i := range rules {
		rules[i].Schedule = forward.Schedule{}
	}
	want := []forward.Rule{
		{Name: "night", Facility: []halong.Facility{"BV1"}, Modality: []string{"CT", "MR"}, Description: []string{"*thorax*"}, To: []string{"pacs", "cloud"}},
		{Name: "rule 2", SOPClass: []dicom.UID{"1.2.840.10008.5.1.4.1.1.7"}, CallingAE: []string{"CAM"}, To: []string{"cloud"}},
	}
	if d := cmp.Diff(want, rules); d != "" {
		t.Error(d)
	}
	if d := c.Forward.Destinations[0]; d.Concurrency != 4 || d.Bandwidth != 10<<20 || !d.Commit || c.Forward.Keep.Std() != 240*time.Hour {
		t.Errorf("%+v", d)
	}
}

// TestForwardFaults: what cannot work is told with its key.
func TestForwardFaults(t *testing.T) {
	for _, x := range []struct{ doc, want string }{
		{"destinations: [{name: a, ae: NOPE}]", "forward.destinations[0].ae"},
		{"destinations: [{name: a}]", "forward.destinations[0]: either ae"},
		{"destinations: [{name: a, ae: PACS, url: 'http://x'}]", "forward.destinations[0]: either ae"},
		{"destinations: [{name: a b, ae: PACS}]", "forward.destinations[0].name"},
		{"destinations: [{name: a, ae: PACS}, {name: a, ae: PACS}]", "forward.destinations[1].name"},
		{"destinations: [{name: a, url: 'ftp://x'}]", "forward.destinations[0].url"},
		{"destinations: [{name: a, url: 'http://x', commit: true}]", "forward.destinations[0].commit"},
		{"destinations: [{name: a, url: 'https://x', cert: c.pem}]", "forward.destinations[0]: cert and key"},
		{"destinations: [{name: a, ae: PACS, token: x}]", "forward.destinations[0]: token"},
		{"destinations: [{name: a, ae: PACS, concurrency: 100}]", "forward.destinations[0].concurrency"},
		{"destinations: [{name: a, ae: PACS, bandwidth: 8191}]", "forward.destinations[0].bandwidth"},
		{"destinations: [{name: a, ae: PACS, bandwidth: 24KiB, concurrency: 4}]", "forward.destinations[0].bandwidth"},
		{"destinations: [{name: a, ae: PACS, commit: true, commit_ae: SEVENTEEN_LETTERS}]", "forward.destinations[0].commit_ae"},
		{"destinations: [{name: a, ae: PACS, commit_ae: PACS2}]", "forward.destinations[0].commit_ae"},
		{"destinations: [{name: a, ae: PACS, retry_first: 1h}]", "forward.destinations[0].retry_first"},
		{"destinations: [{name: a, ae: PACS}]\n  rules: [{to: [a], modality: [ct]}]", "forward.rules[0].modality[0]"},
		{"destinations: [{name: a, ae: PACS}]\n  rules: [{to: [a], modality: ['CT ']}]", "forward.rules[0].modality[0]"},
		{"destinations: [{name: a, ae: PACS, windows: [Noon]}]", "forward.destinations[0].windows[0]"},
		{"destinations: [{name: a, ae: PACS}]\n  time_zone: Mars/Olympus\n  rules: [{to: [a], windows: ['1:00-2:00']}]", "forward.time_zone"},
		{"rules: [{to: [a]}]", "forward.rules[0].to[0]"},
		{"rules: [{name: x}]", "forward.rules[0].to"},
		{"destinations: [{name: a, ae: PACS}]\n  rules: [{to: [a], sop_class: [CT]}]", "forward.rules[0].sop_class[0]"},
		{"destinations: [{name: a, ae: PACS}]\n  rules: [{to: [a], facility: ['../x']}]", "forward.rules[0].facility[0]"},
		{"destinations: [{name: a, ae: PACS}]\n  rules: [{to: [a], windows: [x]}]", "forward.rules[0].windows[0]"},
	} {
		c := Default()
		doc := "dicom:\n  destinations: [{ae: PACS, address: '10.1.0.9:104'}]\nforward:\n  " + x.doc + "\n"
		if _, err := decode([]byte(doc), c); err != nil {
			t.Errorf("%s: %v", x.doc, err)
			continue
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.doc, err)
		}
	}
}
