package hl7v2

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var at = time.Date(2026, 11, 21, 8, 15, 30, 0, time.FixedZone("", 7*3600))

// TestAck writes acknowledgements by version: ERR-1 and MSA-3 below 2.5, ERR-2, 3, 4 from there.
func TestAck(t *testing.T) {
	bad := AckError{Code: RequiredFieldMissing, Segment: "PID", Number: 1, Field: 3, Text: "no | identifier"}
	for name, c := range map[string]struct {
		in   string
		ack  Ack
		want string
	}{
		"2.1":            {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.1", Ack{Code: AA}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK|ID|P|2.1\rMSA|AA|1\r"},
		"2.3":            {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.3", Ack{Code: AA}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^R01|ID|P|2.3\rMSA|AA|1\r"},
		"2.3.1":          {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.3.1", Ack{Code: AA}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^R01^ACK|ID|P|2.3.1\rMSA|AA|1\r"},
		"2.8, echoes":    {"MSH|^~\\&|A^1^ISO|B|C|D|||ORU^R01|1|T^A|2.8^VNM^x|||AL|NE|VNM|8859/1~UNICODE UTF-8", Ack{Code: CA}, "MSH|^~\\&|C|D|A^1^ISO|B|20261121011530+0000||ACK^R01^ACK|ID|T^A|2.8^VNM^x||||||8859/1~UNICODE UTF-8\rMSA|CA|1\r"},
		"error 2.4":      {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.4", Ack{Code: AE, Errors: []AckError{bad, {Code: DataTypeError}}}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^R01^ACK|ID|P|2.4\rMSA|AE|1|no \\F\\ identifier\rERR|PID^1^3^101&Required field missing&HL70357~^^^102&Data type error&HL70357\r"},
		"error 2.5":      {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.5", Ack{Code: AE, Errors: []AckError{bad, {Code: DataTypeError, Severity: "W"}}}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^R01^ACK|ID|P|2.5\rMSA|AE|1\rERR||PID^1^3|101^Required field missing^HL70357|E||||no \\F\\ identifier\rERR|||102^Data type error^HL70357|W\r"},
		"warning 2.4":    {"MSH|^~\\&|A|B|C|D|||SIU^S12|1|P|2.4", Ack{Code: AA, Errors: []AckError{{Severity: "W", Text: "no station"}}}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^S12^ACK|ID|P|2.4\rMSA|AA|1|no station\r"},
		"long, 2.3":      {"MSH|^~\\&|A|B|C|D|||SIU^S12|1|P|2.3", Ack{Code: AA, Errors: []AckError{{Severity: "W", Text: strings.Repeat("12&4567", 12)}}}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^S12|ID|P|2.3\rMSA|AA|1|" + strings.Repeat("12\\T\\4567", 11) + "...\r"},
		"warning 2.5":    {"MSH|^~\\&|A|B|C|D|||SIU^S12|1|P|2.5", Ack{Code: AA, Errors: []AckError{{Severity: "W", Text: "no station"}}}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^S12^ACK|ID|P|2.5\rMSA|AA|1\rERR|||0^Message accepted^HL70357|W||||no station\r"},
		"application":    {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.5|||NE|AL", Ack{Code: AA, NoReply: true}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^R01^ACK|ID|P|2.5|||NE|NE\rMSA|AA|1\r"},
		"paired":         {"MSH|^~\\&|A|B|C|D|||ORM^O01|1|P|2.5", Ack{Code: AA, Type: [3]string{"ORR", "O02", "ORR_O02"}}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ORR^O02^ORR_O02|ID|P|2.5\rMSA|AA|1\r"},
		"paired by type": {"MSH|^~\\&|A|B|C|D|||OML^O33|1|P|2.5.1", Ack{Code: AE}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ORL^O34^ORL_O34|ID|P|2.5.1\rMSA|AE|1\r"},
		"paired, 2.3":    {"MSH|^~\\&|A|B|C|D|||ORM^O01|1|P|2.3", Ack{Code: AA}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ORR^O02|ID|P|2.3\rMSA|AA|1\r"},
		"paired, accept": {"MSH|^~\\&|A|B|C|D|||ORM^O01|1|P|2.5|||AL|AL", Ack{Code: CA}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^O01^ACK|ID|P|2.5\rMSA|CA|1\r"},
		"plain":          {"MSH|^~\\&|A|B|C|D|||OMI^O23|1|P|2.5", Ack{Code: AA, Plain: true, Body: new(Builder).Set("PID-3", "1")}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||ACK^O23^ACK|ID|P|2.5\rMSA|AA|1\r"},
		"with segments":  {"MSH|^~\\&|A|B|C|D|||QBP^Q22|1|P|2.5||||||8859/1", Ack{Code: AA, Body: new(Builder).Set("QAK-2", "OK").Set("PID-5", "Müller|x")}, "MSH|^~\\&|C|D|A|B|20261121011530+0000||RSP^K22^RSP_K21|ID|P|2.5||||||8859/1\rMSA|AA|1\rQAK||OK\rPID|||||M\xfcller\\F\\x\r"},
		"delimiters":     {"MSH#*!/+#A#B#C*x#D###ORU*R01#1/H/#P#2.3", Ack{Code: AE, Errors: []AckError{bad}}, "MSH#*!/+#C*x#D#A#B#20261121011530/T/0000##ACK*R01#ID#P#2.3\rMSA#AE#1/H/#no | identifier\rERR#PID*1*3*101+Required field missing+HL70357\r"},
		"no receiver":    {"MSH|^~\\&|A|B||||||1", Ack{Code: AA, Application: "HALONG", Facility: "BV1"}, "MSH|^~\\&|HALONG|BV1|A|B|20261121011530+0000||ACK|ID|P|2.5.1\rMSA|AA|1\r"},
		"no message":     {"", Ack{Code: AE, Application: "HALONG", Errors: []AckError{{Code: SegmentSequenceError}}}, "MSH|^~\\&|HALONG||||20261121011530+0000||ACK|ID|P|2.5.1\rMSA|AE\rERR|||100^Segment sequence error^HL70357|E\r"},
	} {
		var m *Message
		if c.in != "" {
			m = parse(t, c.in)
		}
		c.ack.Time, c.ack.ControlID = at, "ID"
		got := string(c.ack.Append(nil, m))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestVersionOf(t *testing.T) {
	for s, want := range map[string]int{"2.5.1": 205, "2.3": 203, "2.3 PID": 203, "2.10": 210, "": 205, "x": 205, "2": 205, " 2.1 ": 201} {
		if got := versionOf(s); got != want {
			t.Errorf("%q is %d", s, got)
		}
	}
}

func TestCharsets(t *testing.T) {
	for name, c := range map[string]struct{ declared, raw, want string }{
		"UTF-8":             {"UNICODE UTF-8", "Tổng", "Tổng"},
		"none, UTF-8":       {"", "Tổng", "Tổng"},
		"none, Latin 1":     {"", "M\xfcller \xb5g", "Müller µg"}, // connect#5277
		"ASCII, UTF-8":      {"ASCII", "Tổng", "Tổng"},
		"8859/1":            {"8859/1", "M\xfcller", "Müller"},
		"ISO_8859-1":        {"ISO_8859-1", "M\xfcller", "Müller"},
		"8859/5":            {"8859/5", "\xbb\xd5\xd9\xda\xde\xe6\xd8\xe2\xeb", "Лейкоциты"},
		"repeated":          {"8859/1~UNICODE", "\xe9", "é"},
		"unknown":           {"KLINGON", "Tổng", "Tổng"},
		"CP1258":            {"CP1258", "Nguy\xea\xden", "Nguyễn"},
		"hex UTF-8":         {"UNICODE UTF-8", `T\XE1BB95\ng`, "Tổng"},
		"hex UTF-8, bytes":  {"UNICODE UTF-8", `T\XE1\\XBB\\X95\ng`, "Tổng"},
		"hex 8859/1":        {"8859/1", `M\XFC\ller`, "Müller"},
		"hex wide":          {"8859/1", `M\X00E0\`, "Mà"}, // HL7-V2#3
		"hex wide in UTF-8": {"", `M\X00E0\`, "Mà"},
		"hex mixed":         {"8859/5", `a\X000d\\X0A\b`, "a\r\nb"},      // HL7-dotnetcore#53
		"GB 18030":          {"GB 18030-2000", "\xd6\xd0\x81\x7c", "中亅"}, // the second byte of 亅 is |
		"Big-5":             {"BIG-5", "\xa5\x5c", "功"},                  // its second byte is \
	} {
		m := parse(t, "MSH|^~\\&|A||||||ORU^R01|1|P|2.5||||||"+c.declared+"\rOBX|1|ST|x||"+c.raw+"|unit\r")
		if got := m.Get("OBX-5"); got != c.want || m.Get("OBX-6") != "unit" {
			t.Errorf("%s: %q", name, got)
		}
	}
	c, _ := LookupCharset("8859/1")
	if got := parse(t, "MSH|^~\\&|A||||||ORU^R01|1|P|2.5||||||UNICODE UTF-8\rPID|\xfc", WithCharset(c)).Get("PID-1"); got != "ü" {
		t.Errorf("the peer's own character set: %q", got)
	}
	if NewEditor(parse(t, "MSH|^~\\&|A", WithCharset(c))).Set(0, place(t, "MSH-3"), "Tổng") == nil {
		t.Error("text that the character set lacks was taken")
	}
}

func TestBatch(t *testing.T) {
	one, two := "MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|B\rPID|2\r"
	group := func(header, trailer string, messages ...string) []BatchGroup {
		var g BatchGroup
		if header != "" {
			g.Header = []byte(header)
		}
		if trailer != "" {
			g.Trailer = []byte(trailer)
		}
		for _, m := range messages {
			g.Messages = append(g.Messages, []byte(m))
		}
		return []BatchGroup{g}
	}
	for in, want := range map[string]Batch{
		one:                          {Messages: [][]byte{[]byte(one)}},
		"hello":                      {Messages: [][]byte{[]byte("hello")}},
		one + two:                    {Messages: [][]byte{[]byte(one), []byte(two)}, Groups: group("", "", one, two)},
		"\ufeff" + one + two:         {Messages: [][]byte{[]byte(one), []byte(two)}, Groups: group("", "", one, two)},
		"PID|1\r" + one:              {Messages: [][]byte{[]byte("PID|1\r" + one)}},
		"MSH|^~\\&|A\rOBX|MSH|MSH\r": {Messages: [][]byte{[]byte("MSH|^~\\&|A\rOBX|MSH|MSH\r")}},
		one + "BTS|1\r":              {Messages: [][]byte{[]byte(one + "BTS|1\r")}, Trailer: []byte("BTS|1\r"), Groups: group("", "BTS|1\r", one+"BTS|1\r")},
		one + two + "BTS|2\rFTS|1": {
			Messages: [][]byte{[]byte(one), []byte(two)}, Trailer: []byte("BTS|2\rFTS|1"), FileTrailer: []byte("FTS|1"), Groups: group("", "BTS|2\r", one, two),
		},
		"BTS|1\r": {Messages: [][]byte{[]byte("BTS|1\r")}},
		"FHS|^~\\&\rBHS|^~\\&\r" + one + two + "BTS|2\rFTS|1\r": {
			Header: []byte("FHS|^~\\&\rBHS|^~\\&\r"), Messages: [][]byte{[]byte(one), []byte(two)}, Trailer: []byte("BTS|2\rFTS|1\r"),
			File: []byte("FHS|^~\\&\r"), FileTrailer: []byte("FTS|1\r"), Groups: group("BHS|^~\\&\r", "BTS|2\r", one, two),
		},
		"FHS|^~\\&\rBHS|^~\\&|1\r" + one + "BTS|1\rBHS|^~\\&|2\r" + two + "BTS|1\r" + one + "FTS|2\r": {
			Header: []byte("FHS|^~\\&\rBHS|^~\\&|1\rBHS|^~\\&|2\r"), Messages: [][]byte{[]byte(one), []byte(two), []byte(one)}, Trailer: []byte("BTS|1\rBTS|1\rFTS|2\r"),
			File: []byte("FHS|^~\\&\r"), FileTrailer: []byte("FTS|2\r"), Groups: slices.Concat(group("BHS|^~\\&|1\r", "BTS|1\r", one), group("BHS|^~\\&|2\r", "BTS|1\r", two), group("", "", one)),
		},
		"BHS|^~\\&\n" + "MSH|^~\\&|A\nPID|1\n" + "BTS\n": {
			Header: []byte("BHS|^~\\&\n"), Messages: [][]byte{[]byte("MSH|^~\\&|A\nPID|1\n")}, Trailer: []byte("BTS\n"),
			Groups: group("BHS|^~\\&\n", "BTS\n", "MSH|^~\\&|A\nPID|1\n"),
		},
	} {
		if d := cmp.Diff(want, SplitBatch([]byte(in))); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
}

func TestTime(t *testing.T) {
	for in, want := range map[string]string{
		"2026": "2026", "202611": "2026-11", "20261121": "2026-11-21", "2026112108": "2026-11-21T08", "202611210815": "2026-11-21T08:15",
		"20261121081530": "2026-11-21T08:15:30", "20261121081530.5": "2026-11-21T08:15:30.5", "20261121081530.1234+0700": "2026-11-21T08:15:30.1234+07:00",
		"202611210815-0330": "2026-11-21T08:15-03:30", "20261121+0700": "2026-11-21", " 20261121 ": "2026-11-21",
		"": "", "x": "", "20261": "", "20261321": "", "20260230": "", "20261121081530.": "2026-11-21T08:15:30", "2026112108153x": "",
		"20261121081530+07": "", "20261121081530+9900": "", "20261121081530.1234567890": "", "2007100914484648": "", "-0700": "",
	} {
		got, ok := ParseTime(in)
		if ok != (want != "") || got.ISO() != want {
			t.Errorf("%q: %q %v", in, got.ISO(), ok)
		}
	}
}

// TestPairedTypes: an answer has a message structure and no answer of its own.
func TestPairedTypes(t *testing.T) {
	for request, answer := range paired {
		code, event, _ := strings.Cut(request, "^")
		got, ok := PairedType(code, event)
		if !ok || got[0]+"^"+got[1] != answer || got[2] == "" {
			t.Errorf("%s: %v", request, got)
		}
		if _, ok := PairedType(got[0], got[1]); ok {
			t.Errorf("%s is answered", answer)
		}
	}
	for of := range structures {
		if !slices.Contains(slices.Collect(maps.Values(paired)), of) {
			t.Errorf("%s is nobody's answer", of)
		}
	}
	for _, event := range []string{"R30", "R31", "R32"} { // table 0003 has no other event for them
		if got, ok := PairedType("ORU", event); !ok || got != [3]string{"ACK", "R33", "ACK"} {
			t.Errorf("ORU^%s: %v", event, got)
		}
	}
	if _, ok := PairedType("ORU", "R01"); ok {
		t.Error("ORU^R01 is answered by a type of its own")
	}
}
