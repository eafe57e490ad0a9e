package sample

import (
	"fmt"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// frameIncrement says that the frames follow one another by Frame Time (PS3.3 C.7.6.6.1.1).
func frameIncrement() dataset.Element {
	t := tag.FrameTime
	return dataset.Element{
		Tag: tag.FrameIncrementPointer, VR: dicom.AT,
		Value: []byte{byte(t.Group()), byte(t.Group() >> 8), byte(t.Element()), byte(t.Element() >> 8)},
	}
}

// Report gives the radiologist's findings as a Basic Text SR (PS3.3 A.35.1).
func (p *Patient) Report() Object {
	st := p.chest()
	se := series{st, "sr", 3, "SR", "Kết quả CT", ""}
	at := st.at.Add(45 * time.Minute)
	s := p.object(classSR, se, 1)
	s.PutString(tag.ContentDate, dicom.DA, da(at))
	s.PutString(tag.ContentTime, dicom.TM, tm(at))
	s.PutString(tag.CompletionFlag, dicom.CS, "COMPLETE")
	s.PutString(tag.VerificationFlag, dicom.CS, "UNVERIFIED")
	putItems(s, tag.ReferencedPerformedProcedureStepSequence)
	putItems(s, tag.PerformedProcedureCodeSequence)
	s.PutString(tag.ValueType, dicom.CS, "CONTAINER")
	putItems(s, tag.ConceptNameCodeSequence, code("18748-4", "LN", "Diagnostic imaging report"))
	s.PutString(tag.ContinuityOfContent, dicom.CS, "SEPARATE")
	putItems(s, tag.ContentSequence,
		section(code("121070", "DCM", "Findings"), code("121071", "DCM", "Finding"),
			"Phổi phải: nốt đặc kích thước 18 mm ở thùy trên, bờ đều. Một nốt vôi hóa nhỏ 7 mm.",
			"Không tràn dịch màng phổi. Tim không to. Động mạch chủ ngực bình thường."),
		section(code("121076", "DCM", "Conclusions"), code("121077", "DCM", "Conclusion"),
			"Nốt phổi phải 18 mm, đề nghị theo dõi sau 3 tháng."))
	return p.finish("SR report of the CT", s)
}

// section gives a container with text items.
func section(title, concept *dataset.Set, texts ...string) *dataset.Set {
	c := &dataset.Set{}
	c.PutString(tag.RelationshipType, dicom.CS, "CONTAINS")
	c.PutString(tag.ValueType, dicom.CS, "CONTAINER")
	putItems(c, tag.ConceptNameCodeSequence, title)
	c.PutString(tag.ContinuityOfContent, dicom.CS, "SEPARATE")
	var items []*dataset.Set
	for _, text := range texts {
		t := &dataset.Set{}
		t.PutString(tag.RelationshipType, dicom.CS, "CONTAINS")
		t.PutString(tag.ValueType, dicom.CS, "TEXT")
		putItems(t, tag.ConceptNameCodeSequence, concept)
		t.PutString(tag.TextValue, dicom.UT, text)
		items = append(items, t)
	}
	putItems(c, tag.ContentSequence, items...)
	return c
}

// PDF gives the printed report as Encapsulated PDF (PS3.3 A.45.1).
func (p *Patient) PDF() Object {
	st := p.chest()
	se := series{st, "pdf", 4, "DOC", "Phiếu kết quả", ""}
	at := st.at.Add(50 * time.Minute)
	s := p.object(classPDF, se, 1)
	s.PutString(tag.ConversionType, dicom.CS, "WSD")
	s.PutString(tag.ContentDate, dicom.DA, da(at))
	s.PutString(tag.ContentTime, dicom.TM, tm(at))
	s.PutString(tag.AcquisitionDateTime, dicom.DT, "")
	s.PutString(tag.BurnedInAnnotation, dicom.CS, "YES")
	s.PutString(tag.DocumentTitle, dicom.ST, "Kết quả CT lồng ngực")
	putItems(s, tag.ConceptNameCodeSequence, code("18748-4", "LN", "Diagnostic imaging report"))
	s.PutString(tag.MIMETypeOfEncapsulatedDocument, dicom.LO, "application/pdf")
	doc := pdf("HALONG SAMPLE HOSPITAL", "", "CT CHEST - RESULT", "", "Patient: NGUYEN VAN AN   ID: "+p.o.PatientID,
		"Nodule of 18 mm in the right lung.", "Follow-up in 3 months.", "", "This patient is invented.")
	s.PutInt(tag.EncapsulatedDocumentLength, dicom.UL, int64(len(doc)))
	if len(doc)%2 == 1 {
		doc = append(doc, 0)
	}
	s.Put(dataset.Element{Tag: tag.EncapsulatedDocument, VR: dicom.OB, Value: doc})
	return p.finish("PDF report of the CT", s)
}

// pdf writes lines of plain ASCII on one page (ISO 32000-1 7.5).
func pdf(lines ...string) []byte {
	var text strings.Builder
	text.WriteString("BT /F1 14 Tf 72 770 Td 20 TL\n")
	escape := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`)
	for _, l := range lines {
		fmt.Fprintf(&text, "(%s) Tj T*\n", escape.Replace(l))
	}
	text.WriteString("ET\n")
	var b []byte
	b = append(b, "%PDF-1.4\n"...)
	var at []int
	for i, body := range []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", text.Len(), text.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	} {
		at = append(at, len(b))
		b = fmt.Appendf(b, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	xref := len(b)
	b = fmt.Appendf(b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, o := range at {
		b = fmt.Appendf(b, "%010d 00000 n \n", o)
	}
	return fmt.Appendf(b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, xref)
}
