package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
)

const ctImageStorage dicom.UID = "1.2.840.10008.5.1.4.1.1.2"

// object is one made-up CT image.
type object struct {
	study, series, sop dicom.UID
	patient            string
	data               []byte // the data set, Explicit VR Little Endian
}

// newObject makes an object with size bytes of random pixels. The same numbers
// make the same object; patient changes Patient ID and name alone.
func newObject(study, instance, size int, patient string) object {
	o := object{
		study:   dicom.UID(fmt.Sprintf("2.25.7001%06d", study)),
		series:  dicom.UID(fmt.Sprintf("2.25.7002%06d", study)),
		sop:     dicom.UID(fmt.Sprintf("2.25.7003%06d.%d", study, instance)),
		patient: patient,
	}
	rng := rand.New(rand.NewPCG(uint64(study), uint64(instance)))
	pixels := make([]byte, size&^1)
	for i := 0; i+8 <= len(pixels); i += 8 {
		binary.LittleEndian.PutUint64(pixels[i:], rng.Uint64())
	}
	var s dataset.Set
	s.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
	s.PutString(tag.SOPClassUID, dicom.UI, string(ctImageStorage))
	s.PutString(tag.SOPInstanceUID, dicom.UI, string(o.sop))
	s.PutString(tag.StudyDate, dicom.DA, "20261121")
	s.PutString(tag.AccessionNumber, dicom.SH, fmt.Sprintf("ACC%06d", study))
	s.PutString(tag.Modality, dicom.CS, "CT")
	s.PutString(tag.PatientName, dicom.PN, "TRẦN^THỊ^"+patient)
	s.PutString(tag.PatientID, dicom.LO, patient)
	s.PutString(tag.StudyInstanceUID, dicom.UI, string(o.study))
	s.PutString(tag.SeriesInstanceUID, dicom.UI, string(o.series))
	s.PutString(tag.InstanceNumber, dicom.IS, fmt.Sprint(instance))
	s.PutInt(tag.SamplesPerPixel, dicom.US, 1)
	s.PutInt(tag.Rows, dicom.US, 2)
	s.PutInt(tag.Columns, dicom.US, int64(len(pixels)/4))
	s.PutInt(tag.BitsAllocated, dicom.US, 16)
	s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: pixels})
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	o.data = s.Append(nil, ts)
	return o
}

// part10 gives the object as a file.
func (o *object) part10() []byte {
	return append(dataset.AppendFileHeader(nil, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, "TEST"), o.data...)
}

// path is the instance's path below the DICOMweb root.
func (o *object) path() string {
	return fmt.Sprintf("/studies/%s/series/%s/instances/%s", o.study, o.series, o.sop)
}

// stowBody makes the body of a STOW-RS request.
func stowBody(t testing.TB, files ...[]byte) (contentType string, body *bytes.Buffer) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, f := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return `multipart/related; type="application/dicom"; boundary=` + w.Boundary(), body
}

// sendOne sends one object over an association of its own and gives the status.
func sendOne(t testing.TB, addr string, o object) uint16 {
	t.Helper()
	ctx := context.Background()
	a, err := dimse.Dial(ctx, addr, dimse.Options{CallingAE: "TEST", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data))
	if resp == nil {
		t.Fatal(err)
		return 0
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
	return uint16(resp.Status)
}
