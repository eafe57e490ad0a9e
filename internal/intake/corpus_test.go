package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/lab"
)

// naive reads a message by splitting it, to compare with.
type naive struct {
	msh      []string
	oru      bool
	obx      int
	patients map[string]bool
}

func readNaively(raw []byte) naive {
	n := naive{patients: map[string]bool{}}
	current := ""
	for _, line := range strings.Split(strings.TrimPrefix(string(raw), "\ufeff"), "\r") {
		f := strings.Split(line, "|")
		switch f[0] {
		case "MSH":
			n.msh = append([]string{""}, f...)
			n.msh[1] = "|"
			n.oru = strings.HasPrefix(f[8], "ORU")
		case "OBX", "OBR":
			if f[0] == "OBX" {
				n.obx++
			}
			n.patients[current] = true
		case "PID":
			if len(f) > 3 {
				for _, rep := range strings.Split(f[3]+"~"+f[2], "~") {
					if id := strings.TrimSpace(strings.Split(rep, "^")[0]); id != "" {
						current = id
						break
					}
				}
			}
		}
	}
	return n
}

func (n naive) field(i int) string {
	if i < len(n.msh) {
		return n.msh[i]
	}
	return ""
}

// expected gives MSA-1 of the answers that design.md section 3 asks for.
func (n naive) expected() string {
	table := "AL NE ER SU"
	known := func(s string) bool { return len(s) == 2 && strings.Contains(table, s) }
	accept, app := n.field(15), n.field(16)
	switch {
	case !known(accept) && !known(app):
		return "AA"
	case accept == "AL" && app == "AL":
		return "CA AA"
	case accept == "AL":
		return "CA"
	case app == "AL":
		return "AA"
	}
	return ""
}

// TestCorpus sends every message of the corpus through a real MLLP connection,
// reads what comes back, and then counts the observations that can be read.
func TestCorpus(t *testing.T) {
	w := newWorld(t)
	w.listen(mllp.Config{})
	ctx := context.Background()
	c, err := mllp.Dial(ctx, w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent, obx, patients := 0, 0, map[string]bool{}
	for _, msg := range corpus.HL7Messages(t) {
		n := readNaively(msg.Raw)
		if n.oru {
			obx += n.obx
			for id := range n.patients {
				patients[id] = true
			}
		}
		sent++
		if err := c.Write(ctx, msg.Raw); err != nil {
			t.Fatal(err)
		}
		for _, code := range strings.Fields(n.expected()) {
			answer, err := c.Read(ctx)
			if err != nil {
				t.Fatalf("%s: %v", msg.Name, err)
			}
			if got, want := msa(string(answer)), strings.TrimSpace(code+" "+n.field(10)); got != want {
				t.Errorf("%s: %q, not %q", msg.Name, got, want)
			}
			head := readNaively(answer)
			for _, i := range []int{11, 12, 18} {
				if head.field(i) != n.field(i) && n.field(i) != "" {
					t.Errorf("%s: MSH-%d %q is not echoed: %q", msg.Name, i, n.field(i), head.field(i))
				}
			}
		}
	}
	if sent != 1165 || w.outcomes()[Refused]+w.outcomes()[NotStored]+w.outcomes()[Unframed] > 0 {
		t.Errorf("%d sent; outcomes %v", sent, w.outcomes())
	}
	before := w.snapshot(patients)
	got, shown := w.count(patients)
	t.Logf("%d messages %v; %d observations, %d shown; %d patients", sent, w.outcomes(), got, shown, len(patients))
	if got != obx {
		t.Errorf("%d observations readable, %d were sent", got, obx)
	}
	w.reindex()
	for id, body := range w.snapshot(patients) {
		if body != before[id] {
			t.Errorf("patient %d reads otherwise after a reindex", len(id))
		}
	}
	w.everyMessage(corpus.HL7Messages(t))
}

// count reads the results of all patients, with history: the observations that
// came and those that are shown.
func (w *world) count(patients map[string]bool) (came, shown int) {
	seen := map[string]bool{}
	add := func(reports []lab.Shown) {
		for _, r := range reports {
			if seen[r.ID.String()] {
				continue
			}
			seen[r.ID.String()] = true
			shown += len(r.Observations)
			for _, h := range r.History {
				came += len(h.Observations)
			}
		}
	}
	for id := range patients {
		if id == "" {
			add(w.unassigned())
			continue
		}
		for _, p := range w.results(id, "?history=true").Patients {
			add(p.Reports)
		}
	}
	return came, shown
}

// unassigned gives the reports without a patient.
func (w *world) unassigned() []lab.Shown {
	code, body := w.get("/results/unassigned?history=true")
	var out struct{ Reports []lab.Shown }
	if err := json.Unmarshal([]byte(body), &out); err != nil || code != http.StatusOK {
		w.t.Fatalf("status %d, %v", code, err)
	}
	return out.Reports
}

func (w *world) snapshot(patients map[string]bool) map[string]string {
	all := map[string]string{}
	_, all[""] = w.get("/results/unassigned?history=true")
	for id := range patients {
		if id == "" {
			continue
		}
		_, all[id] = w.get("/patients/" + strings.ReplaceAll(id, "/", "%2F") + "/results?history=true")
	}
	return all
}

// everyMessage reads all messages back byte for byte.
func (w *world) everyMessage(messages []corpus.HL7) {
	w.t.Helper()
	kept := map[string]bool{}
	for seq := uint64(1); ; seq++ {
		m, err := w.db.Message(context.Background(), halong.Everything(), seq)
		if err != nil {
			break
		}
		code, body := w.get("/messages/" + strconv.FormatUint(seq, 10))
		if code != http.StatusOK || int64(len(body)) != m.Place.Length {
			w.t.Fatalf("message %d: status %d, %d bytes", seq, code, len(body))
		}
		kept[body] = true
	}
	for _, m := range messages {
		if !kept[string(m.Raw)] && !kept[string(bytes.TrimSuffix(m.Raw, []byte("\r")))] {
			w.t.Errorf("%s is not among the kept messages", m.Name)
		}
	}
}
