package hl7v2

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse parses an ORU of 40 OBX and reads two fields.
func BenchmarkParse(b *testing.B) {
	var s strings.Builder
	s.WriteString("MSH|^~\\&|ANALYZER|LAB|GATEWAY|HOSPITAL|20261121081530||ORU^R01^ORU_R01|B1|P|2.5.1|||AL|NE||UNICODE UTF-8\rPID|1||P1^^^VNM^NI||Nguyễn^Văn^An||19700102|M\r")
	for k := range 40 {
		fmt.Fprintf(&s, "OBX|%d|NM|%d-2^WBC^LN||%d.%d|10*9/L|4.0-10.0||||F|||20261121081530\r", k+1, 6690+k, k, k%10)
	}
	raw := []byte(s.String())
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		m, err := Parse(raw)
		if err != nil || m.Get("PID-3.1") != "P1" || m.Get("OBX[40]-5") == "" {
			b.Fatal(err)
		}
	}
}
