package lab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2"
)

// results makes an ORU of n numeric results.
func results(n int) []byte {
	var b strings.Builder
	b.WriteString("MSH|^~\\&|ANALYZER|LAB|GATEWAY|HOSPITAL|20261121081530||ORU^R01^ORU_R01|B1|P|2.5.1|||AL|NE||UNICODE UTF-8\r" +
		"PID|1||P1^^^VNM^NI||Nguyễn^Văn^An||19700102|M\rPV1|1|O|KKB^^^BV\rORC|RE|A1||||||20261121081530\r" +
		"OBR|1|A1|A1|58410-2^Tổng phân tích tế bào máu^LN|||20261121081530\r")
	for k := range n {
		fmt.Fprintf(&b, "OBX|%d|NM|%d-2^WBC^LN||%d.%d|10*9/L|4.0-10.0||||F|||20261121081530\r", k+1, 6690+k, k, k%10)
	}
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	raw := results(12)
	b.ReportAllocs()
	for b.Loop() {
		m, err := hl7v2.Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		Read(m)
	}
}

func BenchmarkEncode(b *testing.B) {
	m, err := hl7v2.Parse(results(12))
	if err != nil {
		b.Fatal(err)
	}
	r := Read(m)[0].Reports[0]
	b.ReportAllocs()
	for b.Loop() {
		appendReport(nil, r)
	}
}
