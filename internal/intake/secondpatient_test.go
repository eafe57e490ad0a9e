package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// A message that is for one patient and names a second one is filed for the first; its note and its sender's answer say so.
func TestSecondPatientRemarked(t *testing.T) {
	w := newWorld(t)
	w.in.cfg.Worklist = worklist.New(worklist.Config{Updater: w.db, Orders: w.db, Reader: w.db, Events: w.db, Watch: w.db, Procedures: w.db})
	w.in.table = w.in.handlers()
	const first, second, again = "PID|1||P1^^^A||Lê^An", "PID|2||P2^^^A||Trần^Bình", "PID|1||P1^^^A^MR~7^^^B||Lê^An"
	const sch, ais = "SCH|AP1|||||||||||||||||||||||||PL1", "AIS|1||CT^CT^L|20261201083000"
	for name, c := range map[string]struct {
		event    string
		segments []string
		want     bool
	}{
		"update":          {"ADT^A08", []string{first, second}, true},
		"admission":       {"ADT^A01", []string{first, "PV1|1|I", second}, true},
		"the same":        {"ADT^A31", []string{first, again}, false},
		"a pair to link":  {"ADT^A24", []string{first, second}, false},
		"and not to":      {"ADT^A37", []string{first, second}, false},
		"pairs of merges": {"ADT^A40", []string{first, "MRG|P8^^^A", second, "MRG|P9^^^A"}, false},
		"appointment":     {"SIU^S12", []string{sch, first, "RGS|1", ais, second}, true},
		"of one":          {"SIU^S13", []string{sch, first, again, "RGS|1", ais}, false},
	} {
		m := strings.Replace(w.adtMessage("A08", "2.5.1", c.segments...), "ADT^A08", c.event, 1)
		a := w.send(m)
		if len(a) != 1 || msa(a[0])[:2] != "AA" || strings.Contains(a[0], "|W||||"+secondPatient) != c.want {
			t.Errorf("%s: %q", name, a)
		}
		found, err := w.db.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Control: fmt.Sprint("F", w.control)})
		if err != nil || len(found.Messages) != 1 || found.Messages[0].State != storage.MessageProcessed || strings.Contains(found.Messages[0].Note, secondPatient) != c.want {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}
