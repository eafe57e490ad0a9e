package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/hl7v2"
)

// ask sends a query and gives the answer parsed.
func (w *world) query(event string, segments ...string) *hl7v2.Message {
	w.t.Helper()
	w.control++
	msh := fmt.Sprintf("MSH|^~\\&|PIS|H|||20261122010203||QBP^%s|Q%d|P|2.5.1||||||UNICODE UTF-8", event, w.control)
	a := w.send(strings.Join(append([]string{msh}, segments...), "\r") + "\r")
	if len(a) != 1 {
		w.t.Fatalf("%d answers", len(a))
	}
	m, err := hl7v2.Parse([]byte(a[0]))
	if err != nil {
		w.t.Fatalf("%v: %q", err, a[0])
	}
	return m
}

// said gives the type, MSA-1, QAK-2 and the errors of an answer, and PID-3 and PID-5 of each patient.
func said(m *hl7v2.Message) []string {
	out := []string{m.Get("MSH-9.1") + "^" + m.Get("MSH-9.2") + "^" + m.Get("MSH-9.3") + " " + m.Get("MSA-1") + " " + m.Get("QAK-2")}
	for s := range m.Segments() {
		switch s.Name() {
		case "ERR":
			out = append(out, "ERR "+string(s.Field(2).Raw())+" "+s.Field(3).Component(1).Text())
		case "PID":
			out = append(out, string(s.Field(3).Raw())+" "+s.Field(5).Component(1).Text())
		}
	}
	return out
}

func newRegistry(t *testing.T) *world {
	w := newWorld(t)
	w.adt("A04", "PID|1||1^^^A^MR~NI1^^^VNM^NI||Nguyễn^Ánh^Thị||19850102|F")
	w.adt("A04", "PID|1||2^^^A^MR||Nguyễn^Văn Đức||19850102|M")
	w.adt("A04", "PID|1||3^^^A^MR||Müller^René||19700203|M")
	w.adt("A04", "PID|1||9^^^1.2.3&1.2.3&ISO^MR||Nguyen^Anh||19850102|F")
	w.adt("A24", "PID|1||1^^^A", "PID|2||9^^^1.2.3")
	return w
}

func TestPDQ(t *testing.T) {
	w := newRegistry(t)
	ok := func(found ...string) []string {
		status := "OK"
		if len(found) == 0 {
			status = "NF"
		}
		return append([]string{"RSP^K22^RSP_K21 AA " + status}, found...)
	}
	bad := func(errs ...string) []string { return append([]string{"RSP^K22^RSP_K21 AE AE"}, errs...) }
	anh, duc, rene, nine := "1^^^A^MR~NI1^^^VNM^NI Nguyễn", "2^^^A^MR Nguyễn", "3^^^A^MR Müller", "9^^^&1.2.3&ISO^MR Nguyen"
	for name, c := range map[string]struct {
		keys, domains string
		want          []string
	}{
		"identifier":               {"@PID.3.1^1", "", ok(anh)},
		"identifier and authority": {"@PID.3.1^1~@PID.3.4.1^A", "", ok(anh)},
		"another authority":        {"@PID.3.1^1~@PID.3.4.1^B", "", ok()},
		"family name":              {"@PID.5.1.1^NGUYEN~@PID.8^M", "", ok(duc)},
		"family and given name":    {"@PID.5.1^nguyễn~@PID.5.2^ánh", "", ok(anh, nine)},
		"beginning":                {"@PID.5.1.1^MUL*", "", ok(rene)},
		"beginning without *":      {"@PID.5.1.1^MUL", "", ok()},
		"birth":                    {"@PID.7^19700203", "", ok(rene)},
		"birth with time":          {"@PID.7^197002031200", "", ok(rene)},
		"nobody":                   {"@PID.5.1^NOBODY", "", ok()},
		"domain":                   {"@PID.3.1^1", "^^^VNM", ok("NI1^^^VNM^NI Nguyễn")},
		"patients without domain":  {"@PID.5.1^NGUYEN", "^^^1.2.3", ok(nine)},
		"unknown domain":           {"@PID.3.1^1", "^^^A~^^^NOWHERE", bad("ERR QPD^1^8^2 204")},
		"unknown field":            {"@PID.3.1^1~@PID.11.3^HANOI", "", bad("ERR QPD^1^3^2^1 204")},
		"nothing":                  {"", "", bad("ERR QPD^1^3^1^1 101")},
		"sex alone":                {"@PID.8^F", "", bad("ERR QPD^1^3^1^1 101")},
	} {
		m := w.query("Q22", "QPD|IHE PDQ Query|tag1|"+c.keys+"|||||"+c.domains, "RCP|I")
		if d := cmp.Diff(c.want, said(m)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if m.Get("QAK-1") != "tag1" || m.Get("QAK-3") != "IHE PDQ Query" || m.Get("QPD-2") != "tag1" || m.Get("MSA-2") != fmt.Sprint("Q", w.control) {
			t.Errorf("%s: %q", name, m.Bytes())
		}
	}
	m := w.query("Q22", "QPD|IHE PDQ Query|t|@PID.3.1^1", "RCP|I")
	if m.Get("PID-5.2") != "Ánh" || m.Get("PID-5.3") != "Thị" || m.Get("PID-7") != "19850102" || m.Get("PID-8") != "F" || m.Get("MSH-18") != "UNICODE UTF-8" {
		t.Errorf("%q", m.Bytes())
	}
	if a := w.query("Q22", "RCP|I"); a.Get("MSA-1") != "AE" || a.Get("ERR-2.1") != "QPD" {
		t.Errorf("%q", a.Bytes())
	}
}

// A query that finds more than is wanted at once is continued (HL7 5.6.3).
func TestPDQContinued(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.adt("A04", fmt.Sprintf("PID|1||%d^^^A||Nguyễn^Ánh", i))
	}
	seen := map[string]bool{}
	var pages []int
	for dsc := ""; ; {
		segments := []string{"QPD|IHE PDQ Query|t|@PID.5.1^nguyen", "RCP|I|3^RD"}
		if dsc != "" {
			segments = append(segments, "DSC|"+dsc+"|I")
		}
		m := w.query("Q22", segments...)
		n := 0
		for s := range m.Segments() {
			if s.Is("PID") {
				seen[s.Field(3).Component(1).Text()] = true
				n++
			}
		}
		pages = append(pages, n)
		if dsc = m.Get("DSC-1"); dsc == "" || len(pages) > 9 {
			break
		}
	}
	if len(seen) != 7 || !cmp.Equal(pages, []int{3, 3, 1}) {
		t.Errorf("%d patients in pages of %v", len(seen), pages)
	}
	if a := w.query("Q22", "QPD|IHE PDQ Query|t|@PID.5.1^nguyen", "RCP|I", "DSC|nonsense|I"); a.Get("MSA-1") != "AE" || a.Get("ERR-2.1") != "DSC" {
		t.Errorf("%q", a.Bytes())
	}
}

func TestPIX(t *testing.T) {
	w := newRegistry(t)
	w.adt("A40", "PID|1||2^^^A||Nguyễn^Văn Đức", "MRG|22^^^A")
	w.adt("A24", "PID|1||22^^^A", "PID|2||D2^^^D")
	ok := func(found string) []string { return []string{"RSP^K23^RSP_K23 AA OK", found + " "} }
	bad := func(e string) []string { return []string{"RSP^K23^RSP_K23 AE AE", e} }
	none := []string{"RSP^K23^RSP_K23 AA NF"}
	for name, c := range map[string]struct {
		id, domains string
		want        []string
	}{
		"everywhere":         {"1^^^A", "", ok("NI1^^^VNM^NI~9^^^&1.2.3&ISO^MR")},
		"a domain":           {"1^^^A", "^^^&1.2.3&ISO", ok("9^^^&1.2.3&ISO^MR")},
		"another identifier": {"NI1^^^VNM", "^^^A", ok("1^^^A^MR")},
		"nowhere else":       {"3^^^A", "", none},
		"not in that domain": {"3^^^A", "^^^&1.2.3&ISO", none},
		"of others' second":  {"3^^^A", "^^^VNM", none}, // nobody's identity is of that domain
		"merged":             {"22^^^A", "", ok("2^^^A^MR~D2^^^D")},
		"over one merged":    {"D2^^^D", "^^^A", ok("2^^^A^MR")},
		"unknown domain":     {"1^^^A", "^^^NOWHERE", bad("ERR QPD^1^4^1 204")},
		"unknown identifier": {"77^^^A", "", bad("ERR QPD^1^3^1^1 204")},
		"of unknown domain":  {"77^^^NOWHERE", "", bad("ERR QPD^1^3^1^4 204")},
		"no identifier":      {"^^^A", "", bad("ERR QPD^1^3^1^1 101")},
	} {
		m := w.query("Q23", "QPD|IHE PIX Query|tag2|"+c.id+"|"+c.domains, "RCP|I")
		if d := cmp.Diff(c.want, said(m)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if m := w.query("Q21", "QPD|Q21^Get Person Demographics^HL7nnnn|t|1^^^A", "RCP|I"); !cmp.Equal(said(m), []string{"RSP^K21^RSP_K21 AA OK", "1^^^A^MR~NI1^^^VNM^NI Nguyễn"}) {
		t.Errorf("%q", m.Bytes())
	}
}

// Names that the sender's character set lacks must not cost the answer.
func TestQueryCharset(t *testing.T) {
	w := newWorld(t)
	w.adt("A04", "PID|1||1^^^A||Nguyễn^Ánh")
	for charset, want := range map[string]string{"": "Nguyễn", "UNICODE UTF-8": "Nguyễn", "8859/1": "Nguyen", "ASCII": "Nguyen"} {
		w.control++
		a := w.send(fmt.Sprintf("MSH|^~\\&|PIS|H|||20261122010203||QBP^Q22|C%d|P|2.5.1||||||%s\rQPD|IHE PDQ Query|t|@PID.3.1^1\rRCP|I\r", w.control, charset))
		m, err := hl7v2.Parse([]byte(a[0]))
		if err != nil || m.Get("PID-5.1") != want || m.Get("QAK-2") != "OK" {
			t.Errorf("%q: %q %v", charset, a[0], err)
		}
	}
}

// The answer to a query is kept: the same query again gets the same answer, whatever changed meanwhile, and replay makes the same.
func TestQueryReplay(t *testing.T) {
	w := newRegistry(t)
	const q = "MSH|^~\\&|PIS|H|||20261122010203||QBP^Q22|SAME|P|2.5.1||||||UNICODE UTF-8\rQPD|IHE PDQ Query|t|@PID.3.1^1\rRCP|I\r"
	first := w.send(q)
	w.adt("A08", "PID|1||1^^^A||Other^Name")
	if d := cmp.Diff(first, w.send(q)); d != "" {
		t.Error(d)
	}
	w.reindexWith(func() {})
	if d := cmp.Diff(first, w.send(q)); d != "" {
		t.Errorf("after reindex: %s", d)
	}
}
