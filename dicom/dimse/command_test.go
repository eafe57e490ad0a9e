package dimse

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/halong-gateway/halong/dicom"
)

// unhex reads hexadecimal digits; what follows a # on a line tells their meaning.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const storeHex = `
0000 0000 04000000 4a000000             # group length 74
0000 0200 04000000 312e3200             # Affected SOP Class UID 1.2, padded
0000 0001 02000000 0100                 # Command Field C-STORE-RQ
0000 1001 02000000 0700                 # Message ID 7
0000 0007 02000000 0000                 # Priority medium
0000 0008 02000000 0100                 # a data set follows
0000 0010 04000000 312e3300             # Affected SOP Instance UID 1.3
0000 3110 02000000 0900                 # Move Originator Message ID 9
`

func ptr(v uint16) *uint16 { return &v }

func TestCommand(t *testing.T) {
	b := unhex(t, storeHex)
	c, err := ParseCommand(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &Command{Field: CStoreRQ, AffectedSOPClass: "1.2", MessageID: 7, HasDataSet: true, AffectedSOPInstance: "1.3", MoveOriginatorID: ptr(9)}
	ignore := cmpopts.IgnoreUnexported(Command{})
	if d := cmp.Diff(want, c, ignore); d != "" {
		t.Error(d)
	}
	if err := c.validate(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(b, c.Append(nil)); d != "" {
		t.Error("encoded:", d)
	}
	full := &Command{
		Field: CMoveRQ.Response(), AffectedSOPClass: "1.2.3", RequestedSOPClass: "1.4", RespondedTo: 65535, MoveDestination: "PACS",
		Status: OutOfResources, OffendingElements: []dicom.Tag{0x00080018, 0x7FE00010}, ErrorComment: "odd", ErrorID: ptr(0xA710),
		RequestedSOPInstance: "1.5.6", EventTypeID: ptr(1), AttributeIdentifiers: []dicom.Tag{0x00100010}, ActionTypeID: ptr(2),
		Remaining: ptr(3), Completed: ptr(0), Failed: ptr(4), Warning: ptr(5), MoveOriginator: "CT1",
	}
	got, err := ParseCommand(full.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(full, got, ignore); d != "" {
		t.Error(d)
	}
}

func TestBrokenCommand(t *testing.T) {
	b := unhex(t, storeHex)
	edit := func(at int, v ...byte) []byte {
		c := append([]byte(nil), b...)
		copy(c[at:], v)
		return c
	}
	for _, c := range []struct {
		name, want string
		b          []byte
	}{
		{"cut in a header", "(0000,0000) at offset 12: element is cut short", b[:15]},
		{"cut in a value", "(0000,1031) at offset 76: value is longer than the command set", b[:len(b)-1]},
		{"4 GB", "longer than the command set", edit(16, 0xff, 0xff, 0xff, 0xff)},
		{"other group", "not an element of group 0000", edit(12, 8)},
		{"wide number", "value is not one 16-bit number", append(edit(0), 0, 0, 0, 9, 4, 0, 0, 0, 1, 2, 3, 4)},
		{"tags", "value is not a list of tags", append(edit(0), 0, 0, 1, 9, 2, 0, 0, 0, 1, 2)},
		{"too long", "longer than this implementation", make([]byte, MaxCommandLength+1)},
	} {
		_, err := ParseCommand(c.b)
		var s *SyntaxError
		if !errors.As(err, &s) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, c := range []Command{{}, {has: hasField | hasDataSetType}, {Field: CCancelRQ, has: hasField | hasDataSetType | hasMessageID}, {Field: CEchoRQ.Response(), has: hasField | hasDataSetType | hasRespondedTo}} {
		if c.validate() == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}

func TestStatus(t *testing.T) {
	for s, want := range map[Status][3]bool{ // OK, warning, pending
		Success: {true, false, false}, CoercionOfElements: {true, true, false}, 0x0107: {true, true, false}, 0x0001: {true, true, false},
		Pending: {false, false, true}, PendingOptionalMissing: {false, false, true}, Cancelled: {}, OutOfResources: {}, CannotUnderstand: {}, 0x0122: {},
	} {
		if got := [3]bool{s.OK(), s.IsWarning(), s.IsPending()}; got != want {
			t.Errorf("%v: %v, want %v", s, got, want)
		}
	}
	err := &StatusError{CStoreRQ.Response(), OutOfResources, "disk full"}
	if err.Error() != "C-STORE-RSP with status A700: disk full" || CommandField(0x4321).String() != "command field 4321H" {
		t.Error(err)
	}
}
