package hl7v2

import (
	"runtime"
	"strings"
	"testing"
)

// allocated gives the bytes that f takes from the heap, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// work is all that is done to a message with a value of n bytes: parsed, read, answered, a field set.
func work(t *testing.T, n int, filler string) uint64 {
	raw := []byte("MSH|^~\\&|LIS|LAB|||20261122||ORU^R01|1|P|2.5\rPID|||1\rOBX|1|ED|DOC||LAB^AP^PDF^Base64^" +
		strings.Repeat(filler, n/len(filler)) + "||||||F\r")
	return allocated(func() {
		m, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(m.First("OBX").Field(5).Text()); got < n/8 || m.Get("OBX-11") != "F" || m.Get("PID-3") != "1" {
			t.Fatal("not read")
		}
		(&Ack{Code: AA}).Append(nil, m)
		e := NewEditor(m)
		if err := e.Set(1, place(t, "PID-5"), "x"); err != nil {
			t.Fatal(err)
		}
		if b, err := e.Encode(nil); err != nil || len(b) < n {
			t.Fatal(len(b), err)
		}
		if len(SplitBatch(raw).Messages) != 1 {
			t.Fatal("a batch")
		}
	})
}

// TestComplaint06LargeValues is connect#1665: a value of 1.6 MB took 15 minutes. Work grows with size alone: what is
// allocated for 20 MB is at most a constant number of copies, whatever the value is made of.
func TestComplaint06LargeValues(t *testing.T) {
	for name, filler := range map[string]string{
		"base64": "QUJDREVG", "escapes": `\T\\F\`, "one escape character": `\ABCDEFG`, "components": "^a", "subcomponents": "a&", "repetitions": "a~", "line ends": "\\.br\\a",
		"lines": "abc def ghi\r", "not ASCII": "Kết quả ", "hex": `\X41\`,
	} {
		small, large := work(t, 1600<<10, filler), work(t, 20<<20, filler)
		if large > 13*small+1<<20 || large > 6*(20<<20) { // 12.5 times the size
			t.Errorf("%s: %d bytes allocated for 1.6 MB, %d for 20 MB", name, small, large)
		}
	}
}
