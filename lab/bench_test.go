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

// panel is a message of twelve results as ../../shared/bench sends it.
const panel = "MSH|^~\\&|ANALYZER|LAB|GATEWAY|HOSPITAL|20261121081530||ORU^R01^ORU_R01|19AA0000001|P|2.5.1|||AL|NE||UNICODE UTF-8\r" +
	"PID|1||001170012345^^^VNM^NI||Nguyễn^Văn^An||19700102|M\rPV1|1|O|KKB^^^BV\rORC|RE|ACC0001234567890||||||20261121081530\r" +
	"OBR|1|ACC0001234567890|ACC0001234567890|58410-2^Tổng phân tích tế bào máu^LN|||20261121081530\r" +
	"OBX|1|NM|6690-2^WBC^LN||5.7|10*9/L|4.0-10.0||||F|||20261121081530\r" +
	"OBX|2|NM|789-8^RBC^LN||4.9|10*12/L|4.0-5.8||||F|||20261121081530\r" +
	"OBX|3|NM|718-7^HGB^LN||133.2|g/L|120-170||||F|||20261121081530\r" +
	"OBX|4|NM|4544-3^HCT^LN||41.0|%|36-50||||F|||20261121081530\r" +
	"OBX|5|NM|777-3^PLT^LN||210.8|10*9/L|150-400||||F|||20261121081530\r" +
	"OBX|6|NM|2345-7^GLU^LN||7.1|mmol/L|3.9-6.4||||F|||20261121081530\r" +
	"OBX|7|NM|2160-0^CREA^LN||88.5|umol/L|53-115||||F|||20261121081530\r" +
	"OBX|8|NM|3094-0^UREA^LN||4.4|mmol/L|2.5-7.5||||F|||20261121081530\r" +
	"OBX|9|NM|1742-6^ALT^LN||23.6|U/L|<40||||F|||20261121081530\r" +
	"OBX|10|NM|1920-8^AST^LN||31.9|U/L|<40||||F|||20261121081530\r" +
	"OBX|11|NM|2951-2^NA^LN||139.9|mmol/L|135-145||||F|||20261121081530\r" +
	"OBX|12|NM|2823-3^K^LN||4.0|mmol/L|3.5-5.0||||F|||20261121081530\r"

// BenchmarkRead reads a message that was parsed.
func BenchmarkRead(b *testing.B) {
	m, err := hl7v2.Parse([]byte(panel))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Read(m)
	}
}

// BenchmarkOutline reads of it what filing needs.
func BenchmarkOutline(b *testing.B) {
	m, err := hl7v2.Parse([]byte(panel))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Outline(m)
	}
}
