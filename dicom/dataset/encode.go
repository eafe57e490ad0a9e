package dataset

import "github.com/halong-gateway/halong/dicom"

func pad(b []byte, vr dicom.VR) []byte {
	if len(b)%2 == 1 {
		b = append(b, padByte(vr))
	}
	return b
}

// padByte is what makes a value of odd length even (PS3.5 6.2).
func padByte(vr dicom.VR) byte {
	switch vr {
	case dicom.AE, dicom.AS, dicom.CS, dicom.DA, dicom.DS, dicom.DT, dicom.IS, dicom.LO, dicom.LT, dicom.PN,
		dicom.SH, dicom.ST, dicom.TM, dicom.UC, dicom.UR, dicom.UT:
		return ' '
	}
	return 0
}

// Append appends the data set encoded in ts.
func (s *Set) Append(dst []byte, ts *dicom.TransferSyntax) []byte { return dst }
