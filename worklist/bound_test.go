package worklist_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/worklist"
)

// What is kept of an order is bounded, whatever its message is made of.
func TestOrdersAreBounded(t *testing.T) {
	const n = 1 << 20
	stations := make([]string, 0, n/8)
	for i := range cap(stations) {
		stations = append(stations, fmt.Sprintf("ST%d", i))
	}
	for name, c := range map[string]struct{ number, code, text, station string }{
		"components": {"B1", "CT", strings.Repeat("^", n), "CT1"},
		"text":       {"B1", "CT", strings.Repeat("ế", n), "CT1"},
		"code":       {"B1", strings.Repeat("x", n), "text", "CT1"},
		"number":     {strings.Repeat("9", n), "CT", "text", "CT1"},
		"authority":  {"B1^" + strings.Repeat("9", n), "CT", "text", "CT1"},
		"stations":   {"B1", "CT", "text", strings.Join(stations, "~")},
	} {
		w := newWorld(t, worklist.PresetIHE, nil)
		w.message("OMI^O23", "PID|1||P1^^^A||N^D", "ORC|NW|"+c.number, "OBR|1|"+c.number+"||"+c.code+"^"+c.text+"^L", "IPC|A1|R1|2.25.9|X1|CT|P^"+c.text+"^L|^R|L|"+c.station)
		all, err := w.db.List(t.Context(), halong.Everything(), worklist.Listing{Limit: 10})
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %d orders, %v", name, len(all), err)
			continue
		}
		b, err := json.Marshal(all[0])
		if err != nil || len(b) > 300<<10 {
			t.Errorf("%s: an order of %d bytes, %v", name, len(b), err)
		}
		if got := len(all[0].Steps[0].Stations); got == 0 || got > 32 {
			t.Errorf("%s: %d stations", name, got)
		}
	}
}

// A start with an offset from UTC is answered in the site's time; a date of birth is the day that is written.
func TestOffsets(t *testing.T) {
	w := newWorld(t, worklist.PresetIHE, nil)
	w.message("OMI^O23", "PID|1||P1^^^A||N^D||19700101000000+1400", "ORC|NW|B1", "TQ1|1||||||20261122093000+1400", "OBR|1|B1||CT^CT^L", "IPC|A1|R1|2.25.9|X1|CT")
	s := w.order("B1").Steps[0]
	if want := time.Date(2026, 11, 21, 19, 30, 0, 0, time.UTC).Local().Format("20060102150405"); s.Start != want || inStep(&s).String(tag.ScheduledProcedureStepStartDate) != want[:8] {
		t.Errorf("start %s, not %s", s.Start, want)
	}
	if got := s.Attributes.String(tag.PatientBirthDate); got != "19700101" {
		t.Errorf("born %s", got)
	}
}
