package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// findInStudyRoot is Study Root Query/Retrieve Information Model - FIND.
const findInStudyRoot dicom.UID = "1.2.840.10008.5.1.4.1.2.2.1"

// named makes an object whose Patient's Name is in a character set, in the bytes given.
func named(t *testing.T, n int, charset, name string) object {
	t.Helper()
	o := newObject(n, 1, 64, fmt.Sprintf("BN%d", n))
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.Parse(o.data, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s.PutString(tag.SpecificCharacterSet, dicom.CS, charset)
	s.PutString(tag.PatientName, dicom.PN, name)
	o.data = s.Append(nil, ts)
	return o
}

// asks sends a C-FIND with the keys as they are and gives every pending identifier as it came, and the final response.
func asks(t *testing.T, address string, keys *dataset.Set) (answers []*dataset.Set, final *dimse.Response) {
	t.Helper()
	a, err := dimse.Dial(t.Context(), address, dimse.Options{CallingAE: "READER", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{
		{AbstractSyntax: findInStudyRoot, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	keys.PutString(tag.QueryRetrieveLevel, dicom.CS, "STUDY")
	final, err = a.Call(t.Context(), 1, &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: findInStudyRoot}, bytes.NewReader(keys.Append(nil, ts)), func(r *dimse.Response) error {
		s, err := dataset.Parse(bytes.Clone(r.Data), ts, dataset.Limits{})
		answers = append(answers, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
	return answers, final
}

// TestN16FindResponses: the final response of C-FIND has no identifier, none matching is Success, and every identifier says its own
// character set, whatever those of the query and of the stored objects are.
func TestN16FindResponses(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	for _, o := range []object{
		named(t, 1, "ISO_IR 100", "M\xdcLLER^J\xd6RG"), named(t, 2, "ISO_IR 192", "NGUYỄN^VĂN^ĐỨC"), named(t, 3, "ISO_IR 100", "DUPONT^ANNE"),
	} {
		if s := sendOne(t, g.DICOM, o); s != 0 {
			t.Fatalf("C-STORE: %04X", s)
		}
	}
	for _, c := range []struct {
		name, charset, key string // the Patient's Name asked for
		id                 string // Patient ID
		want               string // character set and name of the only answer, "" for none
	}{
		{"data in Latin-1, query in UTF-8", "ISO_IR 192", "Müller*", "", "ISO_IR 192 MÜLLER^JÖRG"},
		{"data in Latin-1, query in Latin-1", "ISO_IR 100", "M\xfcller*", "", "ISO_IR 100 M\xdcLLER^J\xd6RG"},
		{"data in UTF-8, query in Latin-1", "ISO_IR 100", "", "BN2", "ISO_IR 192 NGUYỄN^VĂN^ĐỨC"},
		{"data in UTF-8, query without a character set", "", "NGUYEN^VAN*", "", "ISO_IR 192 NGUYỄN^VĂN^ĐỨC"},
		{"ASCII alone", "", "DUPONT*", "", "ISO_IR 6 DUPONT^ANNE"},
		{"nothing", "ISO_IR 192", "NOBODY", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := &dataset.Set{}
			if c.charset != "" {
				keys.PutString(tag.SpecificCharacterSet, dicom.CS, c.charset)
			}
			keys.PutString(tag.PatientName, dicom.PN, c.key)
			keys.PutString(tag.PatientID, dicom.LO, c.id)
			answers, final := asks(t, g.DICOM, keys)
			if final.Status != dimse.Success || final.Data != nil {
				t.Errorf("final status %v, %d bytes of identifier", final.Status, len(final.Data))
			}
			var got []string
			for _, s := range answers {
				charset := s.String(tag.SpecificCharacterSet)
				if charset == "" {
					charset = "ISO_IR 6" // PS3.3 C.12.1.1.2: what none says
				}
				got = append(got, charset+" "+strings.TrimRight(string(s.Get(tag.PatientName).Value), " "))
			}
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestP15GroupLengths: group lengths in a query, which some modalities send, match everything and are not answered.
func TestP15GroupLengths(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	if s := sendOne(t, g.DICOM, newObject(1, 1, 64, "BN1")); s != 0 {
		t.Fatalf("C-STORE: %04X", s)
	}
	keys := &dataset.Set{}
	for _, group := range []dicom.Tag{0x00080000, 0x00100000, 0x00200000} {
		keys.PutInt(group, dicom.UL, 4711)
	}
	keys.PutString(tag.PatientID, dicom.LO, "BN1")
	answers, final := asks(t, g.DICOM, keys)
	if len(answers) != 1 || final.Status != dimse.Success {
		t.Fatalf("%d answers, final status %v", len(answers), final.Status)
	}
	for _, e := range answers[0].Elements {
		if e.Tag.Element() == 0 {
			t.Errorf("answered with the group length %v", e.Tag)
		}
	}
}

// TestP13Vietnamese: composed and decomposed letters are the same name, Đ is found as D, values have 64 characters whatever their
// bytes are, and what came is kept as it came. (What was lost to '?' before it came is kept as '?': nobody can tell it from a question mark.)
func TestP13Vietnamese(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	long := strings.Repeat("Ễ", 64) // 64 characters, 192 bytes
	stored := map[int]string{
		11: norm.NFC.String("ĐẶNG^THỊ^PHƯỢNG"), 12: norm.NFD.String("ĐẶNG^THỊ^PHƯỢNG"), 13: "DANG^THI^PHUONG", 14: long, 15: "?ANG^TH?^PH??NG",
	}
	for n, name := range stored {
		if s := sendOne(t, g.DICOM, named(t, n, "ISO_IR 192", name)); s != 0 {
			t.Fatalf("C-STORE of %d: %04X", n, s)
		}
	}
	for _, c := range []struct {
		key  string
		want []string
	}{
		{norm.NFC.String("ĐẶNG*"), []string{"BN11", "BN12", "BN13"}},
		{norm.NFD.String("đặng^thị*"), []string{"BN11", "BN12", "BN13"}},
		{"DANG^THI^PHUONG", []string{"BN11", "BN12", "BN13"}},
		{long, []string{"BN14"}},
	} {
		keys := &dataset.Set{}
		keys.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
		keys.PutString(tag.PatientName, dicom.PN, c.key)
		keys.PutString(tag.PatientID, dicom.LO, "")
		answers, _ := asks(t, g.DICOM, keys)
		var got []string
		for _, s := range answers {
			id := s.String(tag.PatientID)
			got = append(got, id)
			var n int
			if _, err := fmt.Sscanf(id, "BN%d", &n); err != nil || s.String(tag.PatientName) != stored[n] {
				t.Errorf("%s has the name %q, came with %q", id, s.String(tag.PatientName), stored[n])
			}
		}
		if d := cmp.Diff(c.want, sorted(got)); d != "" {
			t.Errorf("%q: -want +got:\n%s", c.key, d)
		}
	}
	for n, c := range []struct{ charset, text, want string }{
		{"UNICODE UTF-8", "Đường huyết", "Đường huyết"}, {"8859/1", "M\xfcller", "Müller"},
	} {
		t.Run("P13: MSH-18 "+c.charset, func(t *testing.T) {
			client, err := mllp.Dial(t.Context(), g.HL7)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			message := fmt.Sprintf("MSH|^~\\&|LIS|LAB|HALONG|BV1|20261121101500||ORU^R01^ORU_R01|V%d|P|2.5.1||||||%s\rPID|1||V%d^^^BV1^PI||AN\r"+
				"OBR|1|PL%d|FI%d|TXT^Text^L\rOBX|1|ST|TXT^Text^L||%s||||||F\r", n, c.charset, n, n, n, c.text)
			answer, err := client.Send(t.Context(), []byte(message))
			if err != nil || !strings.Contains(string(answer), "MSA|AA|") {
				t.Fatalf("%q, %v", answer, err)
			}
			status, body := g.ask(t, fmt.Sprintf("/api/patients/V%d/results", n), "application/json")
			if status != http.StatusOK || !strings.Contains(string(body), c.want) {
				t.Errorf("status %d: %s", status, body)
			}
		})
	}
}
