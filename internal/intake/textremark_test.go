package intake

import (
	"context"
	"net/netip"
	"strconv"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// TestBytesThatAreNoCharacters: what cannot be read in the character set of the peer or of MSH-18 is never lost in silence: the note names the
// places, the bytes are kept, and a new index says the same.
func TestBytesThatAreNoCharacters(t *testing.T) {
	w := newWorld(t)
	charset := ""
	w.in.cfg.Peer = func(mllp.Peer) Rule { return Rule{Charset: charset} }
	cases := []struct{ charset, msh18, event, note string }{
		{"", "", "ORU^R01", ""},
		{"", "8859/1", "ORU^R01", ""},
		{"UTF-8", "8859/1", "ORU^R01", "bytes that are no character of UNICODE UTF-8, kept as they came: PID[1]-5 (offset 64), OBX[1]-5 (offset 84)"},
		{"VNI", "", "ORU^R01", "bytes that are no character of VNI, kept as they came: PID[1]-5 (offset 58), OBX[1]-5 (offset 78)"},
		{"8859/7", "UNICODE UTF-8", "ACK", "bytes that are no character of 8859/7, kept as they came: PID[1]-5 (offset 67), OBX[1]-5 (offset 87)"},
		{"", "KLINGON", "ORU^R01", "MSH-18 names a character set that is not known here; bytes that are no character of UNICODE UTF-8, kept as they came: PID[1]-5 (offset 65), OBX[1]-5 (offset 85)"},
	}
	raw := make([]string, len(cases))
	for i, c := range cases {
		charset = c.charset
		raw[i] = "MSH|^~\\&|L|B|||20260101||" + c.event + "|" + string(rune('a'+i)) + "|P|2.5||||||" + c.msh18 + "\rPID|1||8||x\xff\rOBR|1\rOBX|1|TX|c||\xff\xff|||||F\r"
		w.in.Handle(context.Background(), mllp.Peer{Addr: netip.MustParseAddr("10.1.2.3")}, mllp.Frame{Kind: mllp.Message, Bytes: []byte(raw[i])})
	}
	check := func() {
		t.Helper()
		for i, c := range cases {
			m, err := w.db.Message(context.Background(), halong.Everything(), uint64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			if m.Note != c.note {
				t.Errorf("%+v: note %q", c, m.Note)
			}
			if _, body := w.get("/messages/" + strconv.Itoa(i+1)); body != raw[i] {
				t.Errorf("kept %q", body)
			}
		}
	}
	check()
	w.reindex()
	check()
}
