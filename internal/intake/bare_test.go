package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// HL7 2.1 has no trigger event in MSH-9: EVN-1 tells that of an ADT, and an ORM is an order.
func TestTypesWithoutTriggerEvent(t *testing.T) {
	w := newWorld(t)
	w.in.cfg.Worklist = worklist.New(worklist.Config{Updater: w.db, Orders: w.db, Reader: w.db, Events: w.db, Watch: w.db, Procedures: w.db})
	w.in.table = w.in.handlers()
	bare := func(code string, segments ...string) *storage.Message {
		t.Helper()
		w.control++
		head := fmt.Sprintf("MSH|^~\\&|HIS|H|||2026112201%02d||%s|F%d|P|2.1", w.control, code, w.control)
		if a := w.send(strings.Join(append([]string{head}, segments...), "\r") + "\r"); len(a) != 1 || msa(a[0]) != fmt.Sprint("AA F", w.control) {
			t.Errorf("%s: %q", code, a)
		}
		found, err := w.db.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Control: fmt.Sprint("F", w.control)})
		if err != nil || len(found.Messages) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		return found.Messages[0]
	}
	bare("ADT", "EVN|A04", "PID|||7||Old^Name||19850102|F")
	bare("ADT", "EVN|A08", "PID|||7||New^Name||19850102|F")
	if p := w.one("7"); p.Name != "New^Name" || !p.Current {
		t.Errorf("%+v", p)
	}
	bare("ADT", "EVN|A04", "PID|||8||B^B||19850102|F")
	bare("ADT", "EVN|A34", "PID|||7", "MRG|8")
	if got := w.id("8"); got != "7" {
		t.Errorf("8 is merged into %s", got)
	}
	for _, event := range []string{"A29", ""} {
		if m := bare("ADT", "EVN|"+event, "PID|||9||C^C"); m.State != storage.MessageKept || !strings.Contains(m.Note, "EVN-1") {
			t.Errorf("%q: %s, %q", event, m.State, m.Note)
		}
	}
	if m := bare("ORM", "PID|||7", "ORC|NW|PL1", "OBR||PL1||CT^Chest"); m.State != storage.MessageProcessed || m.Note != "" {
		t.Errorf("order: %s, %q", m.State, m.Note)
	}
	if m := bare("SIU", "SCH|1"); m.State != storage.MessageKept {
		t.Errorf("no such type in 2.1: %s", m.State)
	}
}
