package sample

import (
	"fmt"
	"strings"
	"time"
)

// Messages gives the laboratory's ORU^R01 messages (HL7 v2.5.1 chapter 7) in UTF-8: a blood
// count, a chemistry report, and the chemistry report again with one
// result corrected.
func (p *Patient) Messages() [][]byte {
	at := p.o.Time
	count := []result{
		{"6690-2", "Số lượng bạch cầu", "11.8", "10*9/L", "4.0-10.0", "H", "F"},
		{"789-8", "Số lượng hồng cầu", "4.62", "10*12/L", "4.2-5.9", "N", "F"},
		{"718-7", "Hemoglobin", "138", "g/L", "130-170", "N", "F"},
		{"777-3", "Số lượng tiểu cầu", "256", "10*9/L", "150-400", "N", "F"},
	}
	chemistry := []result{
		{"14749-6", "Glucose", "5.4", "mmol/L", "3.9-6.4", "N", "F"},
		{"14682-9", "Creatinine", "142", "umol/L", "62-106", "H", "F"},
		{"1988-5", "CRP", "23.5", "mg/L", "<5.0", "H", "F"},
	}
	corrected := append([]result(nil), chemistry...)
	corrected[1] = result{"14682-9", "Creatinine", "94", "umol/L", "62-106", "N", "C"}
	return [][]byte{
		p.oru(1, 1, "58410-2^Tổng phân tích tế bào máu^LN", "F", at.Add(-time.Hour), count),
		p.oru(2, 2, "24323-8^Sinh hóa máu^LN", "F", at.Add(-50*time.Minute), chemistry),
		p.oru(3, 2, "24323-8^Sinh hóa máu^LN", "C", at.Add(-20*time.Minute), corrected),
	}
}

// result is one OBX: LOINC code, name, value, UCUM unit, range, flag and status (OBX-11).
type result struct{ loinc, name, value, unit, limits, flag, status string }

func (p *Patient) oru(message, order int, service, status string, at time.Time, results []result) []byte {
	stamp := at.Format("20060102150405-0700")
	family, given := p.names()
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|LIS|BV1|HALONG|BV1|%s||ORU^R01^ORU_R01|%s|P|2.5.1|||||VNM|UNICODE UTF-8\r", stamp, p.number("M", message))
	fmt.Fprintf(&b, "PID|1||%s^^^BV1^MR~%s^^^CCCD^NI||%s^%s||19850312|M\r", p.o.PatientID, p.o.CitizenID, family, given)
	b.WriteString("PV1|1|O|KKB^^^BV1\r")
	placer, filler := p.number("P", order), p.number("F", order)
	fmt.Fprintf(&b, "ORC|RE|%s^HIS|%s^LIS\r", placer, filler)
	fmt.Fprintf(&b, "OBR|1|%s^HIS|%s^LIS|%s|||%s|||||||||||||||%s||LAB|%s\r", placer, filler, service, stamp, stamp, status)
	for i, r := range results {
		fmt.Fprintf(&b, "OBX|%d|NM|%s^%s^LN||%s|%s|%s|%s|||%s|||%s\r", i+1, r.loinc, r.name, r.value, r.unit, r.limits, r.flag, r.status, stamp)
	}
	return []byte(b.String())
}

// names turns DICOM's family^given^middle into HL7's family and given^middle (XPN).
func (p *Patient) names() (family, rest string) {
	family, rest, _ = strings.Cut(p.o.PatientName, "^")
	return family, rest
}
