package patient

import (
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
)

// BenchmarkFromPID reads the patient of a result.
func BenchmarkFromPID(b *testing.B) {
	m, err := hl7v2.Parse([]byte("MSH|^~\\&|ANALYZER|LAB|GATEWAY|HOSPITAL|20261121081530||ORU^R01^ORU_R01|19AA0000001|P|2.5.1|||AL|NE||UNICODE UTF-8\r" +
		"PID|1||001170012345^^^VNM^NI||Nguyễn^Văn^An||19700102|M\r"))
	if err != nil {
		b.Fatal(err)
	}
	pid := m.First("PID")
	b.ReportAllocs()
	for b.Loop() {
		FromPID(halong.DefaultFacility, pid, "2026-11-21T08:15:30.000000")
	}
}
