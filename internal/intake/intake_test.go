package intake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/storage"
)

// oru makes a message of one report: patient, order numbers, OBR-25, then OBX
// as "code|value|status".
func oru(control, sent, patient, filler, status string, obx ...string) string {
	b := "MSH|^~\\&|LIS|BV1|HIS|BV1|" + sent + "||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8\r" +
		"PID|1||" + patient + "^^^BV1^MR||Trần^Bình||19700102|M\r" +
		"OBR|1||" + filler + "|CBC^Công thức máu^L|||20261121080000|||||||||||||||||" + "|" + status + "\r"
	for _, o := range obx {
		f := strings.Split(o, "|")
		b += "OBX|1|NM|" + f[0] + "^" + f[0] + "^L||" + f[1] + "|g/L|120 - 170|||" + "|" + f[2] + "\r"
	}
	return b
}

// TestAcknowledgement holds the modes of HL7 2.9 against MSH-15 and MSH-16.
func TestAcknowledgement(t *testing.T) {
	for _, c := range []struct{ accept, application, want string }{
		{"", "", "AA X"},
		{"AL", "", "CA X"},
		{"AL", "NE", "CA X"},
		{"AL", "AL", "CA X, AA X"},
		{"AL", "ER", "CA X"},
		{"AL", "SU", "CA X, AA X"},
		{"NE", "AL", "AA X"},
		{"NE", "NE", ""},
		{"NE", "", "AA X"},
		{"", "NE", "CA X"},
		{"", "AL", "AA X"},
		{"ER", "ER", ""},
		{"SU", "NE", "CA X"},
		{" ", "1058299^^^HMRN", "AA X"}, // outside table 0155: absent
		{"al", "ne", "AA X"},
	} {
		w := newWorld(t)
		msg := "MSH|^~\\&|A|B|C|D|20261121||ADT^A01|X|P|2.5|||" + c.accept + "|" + c.application + "\rPID|1\r"
		if got := msas(w.send(msg)); got != c.want {
			t.Errorf("MSH-15 %q, MSH-16 %q: %q, not %q", c.accept, c.application, got, c.want)
		}
		if m, err := w.db.Message(context.Background(), halong.Everything(), 1); err != nil || m.State != storage.MessageKept {
			t.Errorf("not kept: %v", err)
		}
	}
}

func TestAnswerText(t *testing.T) {
	w := newWorld(t)
	got := w.send("MSH|^~\\&|LIS|BV1|HIS|BV2|20261121||ORU^R01|42|T|2.4||||||8859/1\r")
	want := []string{"MSH|^~\\&|HIS|BV2|LIS|BV1|20261121010204+0000||ACK^R01^ACK|ID|T|2.4||||||8859/1\rMSA|AA|42\r"}
	for i := range got {
		f := strings.Split(got[i], "|")
		if len(f[9]) != 16 {
			t.Errorf("control ID %q", f[9])
		}
		got[i] = strings.Replace(got[i], f[9], "ID", 1)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestDuplicate is connect#1293: the same bytes get the stored answer, whatever the time.
func TestDuplicate(t *testing.T) {
	w := newWorld(t)
	msg := oru("1", "20261121", "p1", "F1", "F", "HGB|140|F")
	first := w.send(msg)
	events := w.events()
	if again := w.send(msg); !slices.Equal(first, again) || len(first) != 1 {
		t.Errorf("%q, then %q", first, again)
	}
	if w.outcomes()[Duplicate] != 1 || w.events() != events {
		t.Errorf("outcomes %v", w.outcomes())
	}
	// The same control ID with other bytes is processed and flagged.
	other := w.send(oru("1", "20261122", "p2", "F2", "F", "HGB|141|F"))
	if msas(other) != "AA 1" || slices.Equal(first, other) || w.outcomes()[Processed] != 2 {
		t.Errorf("other bytes: %q; %v", other, w.outcomes())
	}
	if w.events() == events {
		t.Error("no event")
	}
	if again := w.send(oru("1", "20261122", "p2", "F2", "F", "HGB|141|F")); !slices.Equal(again, other) {
		t.Errorf("duplicate of the second: %q", again)
	}
	m, err := w.db.Message(context.Background(), halong.Everything(), 2)
	if err != nil || !m.Repeated || m.Key.Control != "1" || m.Key.Application != "LIS" {
		t.Errorf("%+v, %v", m, err)
	}
	w.reindex()
	if again := w.send(msg); !slices.Equal(first, again) {
		t.Errorf("after a reindex: %q", again)
	}
}

func (w *world) events() int {
	all, err := w.db.EventsSince(context.Background(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(all)
}

// TestNoControlID takes messages without MSH-10 and tells them apart by their bytes.
func TestNoControlID(t *testing.T) {
	w := newWorld(t)
	a := w.send("MSH|^~\\&|A|B|||20261121||ADT^A01||P|2.5\rPID|1\r")
	b := w.send("MSH|^~\\&|A|B|||20261121||ADT^A01||P|2.5\rPID|2\r")
	again := w.send("MSH|^~\\&|A|B|||20261121||ADT^A01||P|2.5\rPID|1\r")
	if msas(a) != "AA" || msas(b) != "AA" || !slices.Equal(a, again) || slices.Equal(a, b) {
		t.Errorf("%q %q %q", a, b, again)
	}
	if m, err := w.db.Message(context.Background(), halong.Everything(), 2); err != nil || m.Repeated || m.Key.Control != "" {
		t.Errorf("%+v %v", m, err)
	}
}

// TestUnreadable gets AE, and the bytes lie in quarantine, once.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{"hello world", "", "PID|1\rMSH|^~\\&|", "MSH|^^\\&|A|B", "\x00\x01\x02"} {
		for range 2 {
			got := w.send(bad)
			if len(got) != 1 || msa(got[0]) != "AE" || !strings.Contains(got[0], "\rERR|") || !strings.Contains(got[0], "|2.5.1\r") {
				t.Errorf("%q: %q", bad, got)
			}
		}
	}
	var reasons []string
	for m, err := range w.db.Refused(context.Background(), halong.Everything()) {
		if err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, m.Reason)
	}
	want := []string{
		"hl7v2: at offset 0: message does not begin with MSH", "hl7v2: at offset 0: message does not begin with MSH",
		"hl7v2: at offset 0: message does not begin with MSH", "hl7v2: MSH[1]-1 at offset 3: encoding characters are not distinct punctuation",
		"hl7v2: at offset 1: message does not begin with MSH",
	}
	if d := cmp.Diff(want, reasons); d != "" {
		t.Error(d)
	}
	if code, body := w.get("/messages/1"); code != http.StatusOK || body != "hello world" {
		t.Errorf("%d %q", code, body)
	}
	w.reindex()
	if code, body := w.get("/messages/1"); code != http.StatusOK || body != "hello world" {
		t.Errorf("after a reindex: %d %q", code, body)
	}
}

// TestFrames is connect#3687: what cannot be framed is kept with its reason.
func TestFrames(t *testing.T) {
	w := newWorld(t)
	head := "MSH|^~\\&|A|B|C|D|20261121||ORU^R01|X|P|2.3|||"
	handle := func(k mllp.Kind, b string, total int64) []string {
		return texts(w.in.Handle(context.Background(), mllp.Peer{}, mllp.Frame{Kind: k, Bytes: []byte(b), Total: total}))
	}
	if got := handle(mllp.Oversized, head+"\rOBX|1|ED|", 99); msas(got) != "AR X" || !strings.Contains(got[0], "ERR|^^^207&Application internal error&HL70357") {
		t.Errorf("too large: %q", got)
	}
	if got := handle(mllp.Oversized, head+"AL|NE\rOBX|1|ED|", 99); msas(got) != "CE X" {
		t.Errorf("too large, enhanced mode: %q", got)
	}
	if got := handle(mllp.Truncated, head, 30); got != nil {
		t.Errorf("cut off: %q", got)
	}
	if got := handle(mllp.Junk, "GET / HTTP/1.1", 14); got != nil {
		t.Errorf("junk: %q", got)
	}
	n := 0
	for m, err := range w.db.Refused(context.Background(), halong.Everything()) {
		if err != nil || m.Reason == "" {
			t.Errorf("%+v %v", m, err)
		}
		n++
	}
	if n != 4 || w.outcomes()[Oversized] != 2 || w.outcomes()[Unframed] != 2 {
		t.Errorf("%d in quarantine; %v", n, w.outcomes())
	}
}

// TestStoreFails tells the sender to send again, and takes it then.
func TestStoreFails(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[halong.Kind]string{halong.Exhausted: "AR 1", halong.Transient: "AR 1", halong.Internal: "AR 1"} {
		w.fail = func(halong.Tx) error { return halong.E("test", kind, "", errors.New("secret cause")) }
		got := w.send(oru("1", "20261121", "p1", "F1", "F", "HGB|140|F"))
		if msas(got) != want || !strings.Contains(got[0], "|207^Application internal error^HL70357|E|") || strings.Contains(got[0], "secret") {
			t.Errorf("%v: %q", kind, got)
		}
		if got := w.send("MSH|^~\\&|A|B|C|D|20261121||ADT^A01|X|P|2.5|||AL|NE\r"); msas(got) != "CE X" {
			t.Errorf("%v, enhanced mode: %q", kind, got)
		}
		if got := w.send("no message " + kind.String()); msas(got) != "AR" {
			t.Errorf("%v, unreadable: %q", kind, got)
		}
	}
	w.fail = nil
	if got := w.send(oru("1", "20261121", "p1", "F1", "F", "HGB|140|F")); msas(got) != "AA 1" || w.outcomes()[Processed] != 1 {
		t.Errorf("%q %v", got, w.outcomes())
	}
}

// TestBatch answers each message of a batch in one block.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	one, two := oru("1", "20261121", "p1", "F1", "F", "HGB|140|F"), oru("2", "20261121", "p2", "F2", "F", "HGB|141|F")
	got := w.send("FHS|^~\\&|A\rBHS|^~\\&|A\r" + one + two + "BTS|2\rFTS|1\r")
	if len(got) != 1 || !strings.HasPrefix(got[0], "FHS|^~\\&\rBHS|^~\\&\rMSH|") || !strings.HasSuffix(got[0], "BTS|2\rFTS|1\r") || strings.Count(got[0], "\rMSA|AA|") != 2 {
		t.Errorf("%q", got)
	}
	again := w.send(one + two)
	if msas(again) != "AA 1, AA 2" || w.outcomes()[Duplicate] != 1 {
		t.Errorf("without headers: %q %v", again, w.outcomes())
	}
	if strings.Join(again, "") != strings.TrimSuffix(strings.TrimPrefix(got[0], "FHS|^~\\&\rBHS|^~\\&\r"), "BTS|2\rFTS|1\r") {
		t.Error("not the stored answers")
	}
}

// TestPeerRules takes facility and character set from the peer's address.
func TestPeerRules(t *testing.T) {
	w := newWorld(t)
	w.in.cfg.Peer = func(mllp.Peer) Rule {
		return Rule{Facility: "BV7", Charset: "8859/1"}
	}
	w.send("MSH|^~\\&|LIS|BV1|||20261121||ORU^R01|1|P|2.5||||||UNICODE UTF-8\rPID|||7||M\xfcller\rOBR|1||F|C\rOBX|1|ST|X||\xb5g\r")
	p := w.results("7", "").Patients[0]
	if p.Name != "Müller" || p.Reports[0].Facility != "BV7" || p.Reports[0].Observations[0].Values[0].Text != "µg" {
		t.Errorf("%+v", p)
	}
	if code, _ := w.get("/facilities/BV7/patients/7/results"); code != http.StatusOK {
		t.Error(code)
	}
	if code, _ := w.get("/facilities/BV8/patients/7/results"); code != http.StatusNotFound {
		t.Error(code)
	}
	w.in.cfg.Peer = func(mllp.Peer) Rule { return Rule{} }
	w.reindex()
	if got := w.results("7", "").Patients[0].Name; got != "Müller" {
		t.Errorf("after a reindex under other rules: %s", got)
	}
}

// TestDuplicatesTogether sends the same message on many connections at once: all
// get one answer, and it is stored once.
func TestDuplicatesTogether(t *testing.T) {
	w := newWorld(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w.in.cfg.Now = func() time.Time { return start }
	w.in.cfg.Observe = func(Outcome, time.Duration) {}
	answers := make(chan string)
	const n = 40
	for i := range n {
		go func() {
			m := oru("1", "20261121", "p1", "F1", "F", "HGB|140|F")
			if i%2 == 1 {
				m = oru("1", "20261121", "p1", "F1", "F", "HGB|150|F")
			}
			answers <- strings.Join(texts(w.in.Handle(context.Background(), mllp.Peer{}, mllp.Frame{Bytes: []byte(m)})), "")
		}()
	}
	different := map[string]int{}
	for range n {
		different[<-answers]++
	}
	if len(different) != 2 {
		t.Errorf("%v", different)
	}
	if _, err := w.db.Message(context.Background(), halong.Everything(), 3); halong.KindOf(err) != halong.NotExist {
		t.Errorf("stored more than twice: %v", err)
	}
}

// TestTooMuch keeps, but does not process, messages beyond the bounds.
func TestTooMuch(t *testing.T) {
	w := newWorld(t)
	for i, body := range []string{strings.Repeat("OBX|1|ST|x||1\r", maxSegments), strings.Repeat("OBR|1||1|x\rOBR|1||2|x\r", maxReports)} {
		head := "MSH|^~\\&|LIS|BV1|||20261121||ORU^R01|" + string(rune('1'+i)) + "|P|2.5\rPID|1||p\r"
		if got := msas(w.send(head + body)); got != "AA "+string(rune('1'+i)) {
			t.Errorf("%q", got)
		}
	}
	if w.outcomes()[Kept] != 1 || w.outcomes()[Processed] != 1 {
		t.Errorf("%v", w.outcomes()) // equal reports are one
	}
	var distinct strings.Builder
	for i := range maxReports + 1 {
		fmt.Fprintf(&distinct, "OBR|1||LAB-%07d|x\r", i)
	}
	if got := msas(w.send("MSH|^~\\&|LIS|BV1|||20261121||ORU^R01|3|P|2.5\rPID|1||p\r" + distinct.String())); got != "AA 3" || w.outcomes()[Kept] != 2 {
		t.Errorf("%q %v", got, w.outcomes())
	}
	for i := range 2 {
		s := strings.Join(strings.Split(distinct.String(), "\r")[i:maxReports], "\r")
		if got := msas(w.send("MSH|^~\\&|LIS|BV1|||20261121||ORU^R01|" + string(rune('4'+i)) + "|P|2.5\rPID|1||p\r" + s + "\r")); got != "AA "+string(rune('4'+i)) {
			t.Errorf("%q", got)
		}
	}
	if w.outcomes()[Processed] != 3 {
		t.Errorf("%v", w.outcomes())
	}
}

// TestUnassignedNotLinked keeps results of unknown patients apart unless an order number says otherwise.
func TestUnassignedNotLinked(t *testing.T) {
	w := newWorld(t)
	for i, filler := range []string{"", "", "LAB-0000001", "LAB-0000001", "LAB-0000002"} {
		m := strings.Replace(oru(string(rune('1'+i)), "20261121090"+string(rune('1'+i)), "", filler, "F", "HGB|140|F"), "||^^^BV1^MR||Trần^Bình", "||||", 1)
		if got := msas(w.send(m)); got != "AA "+string(rune('1'+i)) {
			t.Fatal(got)
		}
	}
	if got := w.unassigned(); len(got) != 4 {
		t.Errorf("%d reports", len(got))
	}
}
