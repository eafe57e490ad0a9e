package intake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// The tests below are named after complaints about other programs, as docs/hl7.md lists them.

const (
	vt = "\x0b"
	fs = "\x1c"
)

func (w *world) dial() net.Conn {
	w.t.Helper()
	if w.addr == "" {
		w.listen(mllp.Config{})
	}
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// answers reads n blocks.
func answers(t *testing.T, c net.Conn, n int) (all []string) {
	t.Helper()
	r := mllp.NewReader(c, mllp.Limits{})
	for range n {
		f, err := r.Next()
		if err != nil || f.Kind != mllp.Message {
			t.Fatalf("after %d answers: %v, %v", len(all), f.Kind, err)
		}
		all = append(all, string(f.Bytes))
	}
	return all
}

// simple is a result in one segment of each kind.
func simple(control, mode, value string) string {
	return "MSH|^~\\&|LIS|LAB|||20261122||ORU^R01|" + control + "|P|2.5|||" + mode + "\rPID|||p" + control + "\rOBR|1||F1|CHEM\rOBX|1|ST|X||" + value + "||||||F\r"
}

// TestComplaint01SeveralOnOneConnection is connect#249: several messages on one connection, with NULs between them.
func TestComplaint01SeveralOnOneConnection(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	between := []string{"\x00", "\x00\x00\r\n\x00", "", "\r\n"}
	var want []string
	for i, b := range between {
		id := fmt.Sprint("a", i)
		fmt.Fprint(c, b, vt, simple(id, "", "x"), fs, "\r", b)
		want = append(want, "AA "+id)
	}
	fmt.Fprint(c, vt, simple("b", "AL|AL", "x"), fs) // and no CR
	want = append(want, "CA b", "AA b")
	if d := cmp.Diff(want, strings.Split(msas(answers(t, c, len(want))), ", ")); d != "" {
		t.Error(d)
	}
}

// TestComplaint02TheSameTwice is connect#1293: a message came twice and nobody could tell why. The second time it gets the
// stored answer, byte for byte, changes nothing, and the outcome and the log say so.
func TestComplaint02TheSameTwice(t *testing.T) {
	w := newWorld(t)
	first := w.send(simple("1", "AL|AL", "x"))
	events := w.told()
	second := w.send(simple("1", "AL|AL", "x"))
	if d := cmp.Diff(first, second); d != "" || len(first) != 2 {
		t.Error(d)
	}
	if d := cmp.Diff(events, w.told()); d != "" || w.outcomes()[Duplicate] != 1 {
		t.Error(d, w.outcomes())
	}
	// The same control ID with other bytes is another message: analyzers begin again every day. It is flagged.
	w.send(simple("1", "AL|AL", "y"))
	m, err := w.db.Message(context.Background(), halong.Everything(), 2)
	if err != nil || !m.Repeated {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestComplaint03Resent is connect#1314: a sender whose time for acknowledgements is too short sends again and again, on ever new
// connections. One message is kept and each sending gets its answer. (That a late answer is never taken for that
// to another message is TestComplaint03AnswersOfOthers of hl7v2/mllp.)
func TestComplaint03Resent(t *testing.T) {
	w := newWorld(t)
	w.listen(mllp.Config{})
	const sendings = 24
	got := make([]string, sendings)
	var wg sync.WaitGroup
	for i := range sendings {
		c := w.dial()
		wg.Go(func() {
			fmt.Fprint(c, vt, simple("1", "", "x"), fs, "\r")
			if i%3 == 0 { // gave up at once
				c.(*net.TCPConn).CloseWrite()
			}
			b, _ := io.ReadAll(io.LimitReader(c, 1))
			r := mllp.NewReader(io.MultiReader(bytes.NewReader(b), c), mllp.Limits{})
			if f, err := r.Next(); err == nil {
				got[i] = string(f.Bytes)
			}
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] || msa(got[i]) != "AA 1" {
			t.Errorf("%d: %q", i, got[i])
		}
	}
	if d := cmp.Diff([]string{"report.stored 1", "message.stored 1"}, w.told()); d != "" {
		t.Error(d)
	}
}

// TestComplaint04WhyNotFramed is connect#3687: what could not be framed is kept, with the reason, and can be fetched.
func TestComplaint04WhyNotFramed(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ in, kept, reason string }{
		{simple("1", "", "x"), simple("1", "", "x"), "a message without the start block VT (0x0B): the sender does not use MLLP"},
		{vt + "MSH|^~\\&|half", "MSH|^~\\&|half", "message block without end: the peer closed the connection within it"},
		{vt + "MSH|^~\\&|half again" + vt + simple("2", "", "x") + fs + "\r", "MSH|^~\\&|half again", "message block without end: another one began within it"},
		{"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "an HTTP request"},
		{"\x16\x03\x01\x02\x00\x01", "\x16\x03\x01\x02\x00\x01", "a TLS handshake on a port without TLS"},
		{vt + "hello" + fs + "\r", "hello", "hl7v2: at offset 0: message does not begin with MSH"},
	} {
		conn := w.dial()
		fmt.Fprint(conn, c.in)
		conn.(*net.TCPConn).CloseWrite()
		if _, err := io.ReadAll(conn); err != nil { // until the server has done with it
			t.Fatal(err)
		}
		found := false
		for m, err := range w.db.Refused(t.Context(), halong.Everything()) {
			if err != nil {
				t.Fatal(err)
			}
			if m.Reason != c.reason {
				continue
			}
			if code, body := w.get(fmt.Sprint("/messages/", m.Seq)); code == http.StatusOK && body == c.kept {
				found = true
			}
		}
		if !found {
			t.Errorf("%q is not kept with the reason %q", c.kept, c.reason)
		}
	}
}

// TestComplaint07MicroInUnits is connect#5277 and #171: the micro sign in units, in every character set that has one, on every system.
func TestComplaint07MicroInUnits(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct{ declared, unit string }{
		{"UNICODE UTF-8", "µg/L"},
		{"8859/1", "\xb5g/L"},
		{"8859/15", "\xb5g/L"},
		{"WINDOWS-1252", "\xb5g/L"},
		{"CP1258", "\xb5g/L"},
		{"VNI", "\xb5g/L"},
		{"", "\xb5g/L"},
		{"", "µg/L"},
		{"ASCII", "\xb5g/L"},
		{"8859/1", `\XB5\g/L`},
		{"", `\XC2B5\g/L`},
		{"", `\X00B5\g/L`},
	} {
		id := fmt.Sprint("u", i)
		w.send("MSH|^~\\&|LIS|LAB|||20261122||ORU^R01|" + id + "|P|2.5||||||" + c.declared + "\rPID|||" + id + "\rOBR|1||F1|CHEM\rOBX|1|NM|X||5|" + c.unit + "|||||F\r")
		o := w.results(id, "").Patients[0].Reports[0].Observations[0]
		if o.Units == nil || o.Units.Code != "µg/L" {
			t.Errorf("%s %q: unit %+v", c.declared, c.unit, o.Units)
		}
	}
}

// TestComplaint14AmpersandAndLength are nHapi#570 and #594: an & that was not escaped, and values of megabytes, in OBX-5.
func TestComplaint14AmpersandAndLength(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("Kết quả & nhận xét. ", 35_000) // just below what a text in a result may have; above, TestLarge
	for id, c := range map[string]struct{ kind, value string }{
		"st": {"ST", "Strep A & B"}, "tx": {"TX", "A&B & C"}, "ft": {"FT", "R&D"}, "long": {"TX", strings.TrimSpace(long)},
	} {
		w.send("MSH|^~\\&|LIS|LAB|||20261122||ORU^R01|" + id + "|P|2.5\rPID|||" + id + "\rOBR|1||F1|CHEM\rOBX|1|" + c.kind + "|X||" + c.value + "||||||F\r")
		o := w.results(id, "").Patients[0].Reports[0].Observations[0]
		if len(o.Values) != 1 || o.Values[0].Text != c.value {
			t.Errorf("%s: %d values, %d of %d bytes, %.80q", id, len(o.Values), len(o.Values[0].Text), len(c.value), o.Values[0].Text)
		}
	}
}

// TestComplaint15LineEndsInText is hapi-hl7v2#7: what is written never holds a segment separator, so one value cannot become two segments.
func TestComplaint15LineEndsInText(t *testing.T) {
	const evil = "first\rOBX|99|ST|FAKE||1||||||F\nlast\r\n\x0b\x1c"
	b := hl7v2.NewBuilder(hl7v2.Header{Type: [3]string{"ORU", "R01", "ORU_R01"}, ControlID: "1"})
	b.Set("PID-3", "15").Set("OBR-4", "CHEM").Set("OBX-2", "ST").Set("OBX-3", "X").Set("OBX-5", evil).Set("OBX-11", "F")
	raw, err := b.Encode(hl7v2.Standard, hl7v2.Lenient)
	if err != nil || bytes.Count(raw, []byte("\r")) != 4 || bytes.ContainsAny(raw, "\n\x0b\x1c") {
		t.Fatalf("%q %v", raw, err)
	}
	m, err := hl7v2.Parse([]byte(simple("1", "", "x")))
	if err != nil {
		t.Fatal(err)
	}
	e := hl7v2.NewEditor(m)
	if err := e.Set(3, hl7v2.Path{Segment: "OBX", Field: 5}, evil); err != nil || !e.Is(3, "OBX") {
		t.Error(err)
	}
	changed, err := e.Encode(nil)
	if m, perr := hl7v2.Parse(changed); err != nil || perr != nil || m.Len() != 4 || !strings.Contains(m.Get("OBX-5"), "OBX|99|ST|FAKE") {
		t.Errorf("%q %v %v", changed, err, perr)
	}
	ack := hl7v2.Ack{Code: hl7v2.AE, Text: evil, Errors: []hl7v2.AckError{{Text: evil}}}
	if a, err := hl7v2.Parse(ack.Append(nil, m)); err != nil || a.First("OBX").Exists() {
		t.Errorf("%v", err)
	}
	w := newWorld(t)
	w.send(string(raw))
	if o := w.results("15", "").Patients[0].Reports[0].Observations; len(o) != 1 {
		t.Errorf("%d observations", len(o))
	}
}

// TestComplaint16HexEscapes are HL7-V2#3 and HL7-dotnetcore#53: \X00E0\, and Cyrillic with \X000d\ \X0A\ in it.
func TestComplaint16HexEscapes(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct{ charset, value, want string }{
		{"", `\X00E0\`, "à"},
		{"8859/1", `\XE0\ \X00E0\`, "à à"},
		{"UNICODE UTF-8", `\XC3A0\`, "à"},
		{"8859/5", "\xbb\xd5\xd9\\X000d\\ \\X0A\\\xbe\xba", "Лей\r \nОК"},
		{"UNICODE UTF-8", `Лей\X000d\\X0A\ОК`, "Лей\r\nОК"},
	} {
		id := fmt.Sprint("x", i)
		w.send("MSH|^~\\&|LIS|LAB|||20261122||ORU^R01|" + id + "|P|2.5||||||" + c.charset + "\rPID|||" + id + "\rOBR|1||F1|CHEM\rOBX|1|TX|X||" + c.value + "||||||F\r")
		if got := w.results(id, "").Patients[0].Reports[0].Observations[0].Values[0].Text; got != c.want {
			t.Errorf("%s %q: %q, want %q", c.charset, c.value, got, c.want)
		}
	}
}

// TestComplaint21CharsetsPipeliningChunks are ruby-hl7#31 (MSH-18 is ignored), ipf#148 (messages sent without waiting for answers)
// and node-hl7-server#60 (of a message in many pieces the first ones are lost), together.
func TestComplaint21CharsetsPipeliningChunks(t *testing.T) {
	w := newWorld(t)
	c := w.dial()
	long := strings.Repeat("\xd5", 300_000)
	var all strings.Builder
	for i, value := range []string{"\xd5", long, "\xd5"} {
		id := fmt.Sprint("p", i)
		all.WriteString(vt + "MSH|^~\\&|LIS|LAB|||20261122||ORU^R01|" + id + "|P|2.5||||||8859/5\rPID|||" + id + "\rOBR|1||F1|CHEM\rOBX|1|TX|X||" + value + "||||||F\r" + fs + "\r")
	}
	go func() {
		for s := all.String(); len(s) > 0; { // in pieces that end anywhere
			n := min(997, len(s))
			if _, err := io.WriteString(c, s[:n]); err != nil {
				return // the reader sees it too
			}
			s = s[n:]
		}
	}()
	if got := msas(answers(t, c, 3)); got != "AA p0, AA p1, AA p2" {
		t.Error(got)
	}
	for i, n := range []int{1, len(long), 1} {
		if got := w.results(fmt.Sprint("p", i), "").Patients[0].Reports[0].Observations[0].Values[0].Text; got != strings.Repeat("е", n) {
			t.Errorf("%d: %d bytes, %.20q", i, len(got), got)
		}
	}
}
