package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app"
)

// TestResultOfSpecimen: a result that names nothing of its order but the specimen belongs to the newest order of its facility that names it, whichever came first, of the same
// patient where both are known; with the running program, through a merge and its undoing, and the same after a reindex.
func TestResultOfSpecimen(t *testing.T) {
	g := setOut(t, "hl7: {peers: [{address: 127.0.0.1}, {address: 127.0.0.2, facility: BV2}]}\n")
	w := &specimenWorld{t: t, g: g.gateway}
	w.send("127.0.0.1", "OML^O21", "PL101", w.pid("7"), "ORC|NW|PL101^HIS", "OBR|1|PL101^HIS||CBC^Count^L", "SPM|1|SP101||BLD")
	w.result("7", "F1", "SPM|1|SP101||BLD")
	w.are("F1=PL101")
	w.result("7", "F2", "SPM|1|^LAB102||BLD", "SAC|||C102")
	w.are("F1=PL101", "F2=none")
	w.send("127.0.0.1", "OML^O33", "PL103", w.pid("7"), // its specimens come first: the filler's number of the second, and its container
		"SPM|1|SP103||BLD", "ORC|NW|PL103^HIS", "OBR|1|PL103^HIS||CBC^Count^L", "SPM|2|SP102^LAB102||BLD", "SAC|||C102", "ORC|NW|PL102^HIS", "OBR|2|PL102^HIS||GLU^Glucose^L")
	w.result("7", "F3", "SPM|1|SP103")
	w.result("7", "F4", "SPM|1|", "SAC|||C102")
	w.are("F1=PL101", "F2=PL102", "F3=PL103", "F4=PL102")
	w.result("7", "F7", "SPM|1|SP199^LAB102||BLD") // the placer's number is of no order, the filler's is: both are names of one specimen (EIP)
	w.result("7", "F8", "SPM|1|SP103^LAB102||BLD") // of two orders: the placer's decides
	w.result("8", "F9", "SPM|1|SP199^LAB102||BLD") // the filler's number on another patient's specimen

	w.order("127.0.0.1", "7", "PL104", "SPM|1|SP101") // a later order for the same specimen
	w.order("127.0.0.2", "7", "PL105", "SPM|1|SP103") // another facility's
	w.order("127.0.0.1", "8", "PL106", "SPM|1|SP103") // the barcode on another patient's specimen
	w.result("9", "F5", "SPM|1|SP103")                // and on a third one's
	w.result("", "F6", "SPM|1|SP103")                 // and on nobody's
	want := []string{"F1=PL104", "F2=PL102", "F3=PL103", "F4=PL102", "F5=none", "F6=PL106", "F7=PL102", "F8=PL103", "F9=none"}
	w.are(want...)
	w.order("127.0.0.1", "7", "PL104", "SPM|1|SP104") // it was another specimen
	want[0] = "F1=PL101"
	w.are(want...)

	hl7(t, g.HL7, "ADT^A40", "EVN|A40|20261122", w.pid("8"), "MRG|9^^^BV1^MR")
	want[4] = "F5=PL106"
	w.are(want...)
	g.reindexed(t, "/api/reports?limit=100", "/api/orders?limit=100", "/api/orphans")
	w.g = g.gateway
	w.are(want...)
	if status, body := orderPatient(t, g.URL, "9/unmerge", app.PatientOrder{Reason: "two people"}); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	want[4] = "F5=none"
	w.are(want...)
}

// specimenWorld sends orders and results, and looks at which belong together.
type specimenWorld struct {
	t    *testing.T
	g    *gateway
	sent int
}

func (w *specimenWorld) pid(id string) string {
	return "PID|1||" + id + "^^^BV1^MR||Nguyễn^Ánh^Thị " + id + "||19850102|F"
}

// send sends a message from an address, which tells its facility.
func (w *specimenWorld) send(from, typ, control string, segments ...string) {
	w.t.Helper()
	w.sent++
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(context.Background(), "tcp", w.g.HL7)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	message := append([]string{labHeader(typ, fmt.Sprint(control, "-", w.sent), "20261121070000")}, segments...)
	answer, err := mllp.NewClient(conn).Send(context.Background(), []byte(strings.Join(message, "\r")+"\r"))
	if err != nil || !bytes.Contains(answer, []byte("\rMSA|AA|")) {
		w.t.Fatalf("%s: %q, %v", control, answer, err)
	}
}

func (w *specimenWorld) order(from, patient, placer string, specimens ...string) {
	w.t.Helper()
	w.send(from, "OML^O21", placer, append([]string{w.pid(patient), "ORC|NW|" + placer + "^HIS", "OBR|1|" + placer + "^HIS||CBC^Count^L"}, specimens...)...)
}

// result sends a result that has only the laboratory's own number.
func (w *specimenWorld) result(patient, filler string, specimens ...string) {
	w.t.Helper()
	segments := []string{"OBR|1||" + filler + "|CBC^Count^L|||20261121080000||||||||||||||||||F", "OBX|1|NM|HGB^^L||13|g/dL|12-16||||F"}
	if patient != "" {
		segments = append([]string{w.pid(patient)}, segments...)
	}
	w.send("127.0.0.1", "ORU^R01", filler, append(segments, specimens...)...)
}

// are compares which order each report belongs to; each that has none is an orphan.
func (w *specimenWorld) are(want ...string) {
	w.t.Helper()
	var orders struct {
		Orders []struct {
			ID     string
			Placer struct{ ID string }
		}
	}
	type report struct {
		Reason string
		Filler struct{ ID string } `json:"fillerOrder"`
		Order  *struct {
			ID json.Number
			By string
		}
	}
	var reports struct{ Reports []report }
	var orphans struct{ Orphans []report }
	labAsk(w.t, w.g, "/api/orders?limit=100", &orders)
	labAsk(w.t, w.g, "/api/reports?limit=100", &reports)
	labAsk(w.t, w.g, "/api/orphans?limit=100", &orphans)
	placers := map[string]string{}
	for _, o := range orders.Orders {
		placers[o.ID] = o.Placer.ID
	}
	var got []string
	for _, r := range reports.Reports {
		placer := "none"
		if r.Order != nil {
			placer = placers[r.Order.ID.String()]
			if r.Order.By != "specimen" {
				w.t.Errorf("%s by %s", r.Filler.ID, r.Order.By)
			}
		}
		got = append(got, r.Filler.ID+"="+placer)
		orphan := slices.ContainsFunc(orphans.Orphans, func(o report) bool { return o.Filler == r.Filler && o.Reason == "unknown order" })
		if orphan != (placer == "none") {
			w.t.Errorf("%s is an orphan: %v", r.Filler.ID, orphan)
		}
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		w.t.Error(d)
	}
}
