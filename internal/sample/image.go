package sample

import (
	"fmt"
	"math"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// SOP Classes (PS3.6 table A-1).
const (
	classCT   dicom.UID = "1.2.840.10008.5.1.4.1.1.2"
	classCR   dicom.UID = "1.2.840.10008.5.1.4.1.1.1"
	classUSMF dicom.UID = "1.2.840.10008.5.1.4.1.1.3.1"
	classSR   dicom.UID = "1.2.840.10008.5.1.4.1.1.88.11"
	classPDF  dicom.UID = "1.2.840.10008.5.1.4.1.1.104.1"
)

func (p *Patient) chest() study {
	return study{"ct", "CT1001", p.number("A", 1), "CT lồng ngực có cản quang", p.o.Time}
}

// number gives an accession number or control ID: a letter and digits of the seed.
func (p *Patient) number(prefix string, n int) string {
	u := p.UID("number")
	return fmt.Sprintf("%s%s%02d", prefix, u[len(u)-6:], n)
}

// CT gives the axial slices of a chest, 256 x 256, 5 mm apart (PS3.3 A.3).
func (p *Patient) CT() []Object {
	const n, spacing, step = 256, 1.4, 5.0
	var out []Object
	se := series{p.chest(), "ct axial", 2, "CT", "Ngực 5.0 mm", "CHEST"}
	disturb := noise(2463534242)
	for i := range p.o.Slices {
		z := (float64(i) - float64(p.o.Slices-1)/2) * step
		pixels := make([]byte, 2*n*n)
		for y := range n {
			for x := range n {
				hu := at((float64(x)-n/2+0.5)*spacing, (float64(y)-n/2+0.5)*spacing, z)
				put16(pixels[2*(y*n+x):], hu+1024+12*disturb.next(), 4095)
			}
		}
		s := p.object(classCT, se, i+1)
		when := se.at.Add(time.Duration(i) * 400 * time.Millisecond)
		s.PutString(tag.ImageType, dicom.CS, "ORIGINAL", "PRIMARY", "AXIAL")
		s.PutString(tag.AcquisitionDate, dicom.DA, da(when))
		s.PutString(tag.AcquisitionTime, dicom.TM, tm(when))
		s.PutString(tag.ContentDate, dicom.DA, da(when))
		s.PutString(tag.ContentTime, dicom.TM, tm(when))
		s.PutString(tag.AcquisitionNumber, dicom.IS, "1")
		s.PutString(tag.ContrastBolusAgent, dicom.LO, "Iohexol 300")
		s.PutString(tag.KVP, dicom.DS, "120")
		s.PutString(tag.XRayTubeCurrent, dicom.IS, "210")
		s.PutString(tag.SliceThickness, dicom.DS, "5")
		s.PutString(tag.ConvolutionKernel, dicom.SH, "STANDARD")
		s.PutString(tag.ProtocolName, dicom.LO, "Thorax")
		s.PutString(tag.PatientPosition, dicom.CS, "HFS")
		s.PutString(tag.FrameOfReferenceUID, dicom.UI, string(p.UID("frame of reference")))
		s.PutString(tag.PositionReferenceIndicator, dicom.LO, "")
		corner := fmt.Sprintf("%.1f", -(n/2-0.5)*spacing)
		s.PutString(tag.ImagePositionPatient, dicom.DS, corner, corner, fmt.Sprintf("%.1f", z))
		s.PutString(tag.ImageOrientationPatient, dicom.DS, "1", "0", "0", "0", "1", "0")
		s.PutString(tag.SliceLocation, dicom.DS, fmt.Sprintf("%.1f", z))
		s.PutString(tag.PixelSpacing, dicom.DS, "1.4", "1.4")
		s.PutString(tag.RescaleIntercept, dicom.DS, "-1024")
		s.PutString(tag.RescaleSlope, dicom.DS, "1")
		s.PutString(tag.RescaleType, dicom.LO, "HU")
		window(s, "40", "400")
		image(s, n, n, 16, 12, pixels)
		out = append(out, p.finish(fmt.Sprintf("CT slice %d", i+1), s))
	}
	return out
}

// CR gives a chest radiograph: rays through the same phantom (PS3.3 A.2).
func (p *Patient) CR() Object {
	const rows, columns, spacing = 480, 416, 0.8
	st := study{"cr", "CR1002", p.number("A", 2), "X-quang ngực thẳng", p.o.Time.Add(-26 * time.Hour)}
	se := series{st, "cr chest", 1, "CR", "Ngực PA", "CHEST"}
	disturb := noise(88675123)
	pixels := make([]byte, 2*rows*columns)
	for y := range rows {
		for x := range columns {
			sum := 0.0
			const step = 8 // mm; the first one is moved at random, which turns bands into grain
			for depth := -119 + step/2*disturb.next(); depth <= 119; depth += step {
				sum += step * (1000 + at((float64(x)-columns/2)*spacing, depth, (rows/2-float64(y))*spacing)) / 1000
			}
			put16(pixels[2*(y*columns+x):], 4095*(1-math.Exp(-sum/90)), 4095)
		}
	}
	s := p.object(classCR, se, 1)
	s.PutString(tag.ImageType, dicom.CS, "ORIGINAL", "PRIMARY")
	s.PutString(tag.AcquisitionDate, dicom.DA, da(st.at))
	s.PutString(tag.AcquisitionTime, dicom.TM, tm(st.at))
	s.PutString(tag.ContentDate, dicom.DA, da(st.at))
	s.PutString(tag.ContentTime, dicom.TM, tm(st.at))
	s.PutString(tag.KVP, dicom.DS, "110")
	s.PutString(tag.PlateID, dicom.LO, "P01")
	s.PutString(tag.ViewPosition, dicom.CS, "PA")
	s.PutString(tag.PatientOrientation, dicom.CS, "L", "F")
	s.PutString(tag.ImagerPixelSpacing, dicom.DS, "0.8", "0.8")
	window(s, "2600", "3000")
	image(s, rows, columns, 16, 12, pixels)
	return p.finish("CR chest", s)
}

// US gives a beating heart in a sector, 16 frames (PS3.3 A.7).
func (p *Patient) US() Object {
	const rows, columns, frames = 240, 320, 16
	st := study{"us", "US1003", p.number("A", 3), "Siêu âm tim", p.o.Time.Add(-2 * time.Hour)}
	se := series{st, "us heart", 1, "US", "Bốn buồng", "HEART"}
	disturb := noise(362436069)
	pixels := make([]byte, 0, rows*columns*frames)
	for f := range frames {
		beat := 1 + 0.18*math.Sin(2*math.Pi*float64(f)/frames)
		for y := range rows {
			for x := range columns {
				pixels = append(pixels, echo(float64(x)-columns/2, float64(y), beat, disturb.next()))
			}
		}
	}
	s := p.object(classUSMF, se, 1)
	s.PutString(tag.ImageType, dicom.CS, "ORIGINAL", "PRIMARY")
	s.PutString(tag.ContentDate, dicom.DA, da(st.at))
	s.PutString(tag.ContentTime, dicom.TM, tm(st.at))
	s.PutString(tag.PatientOrientation, dicom.CS)
	s.PutString(tag.NumberOfFrames, dicom.IS, fmt.Sprint(frames))
	s.PutString(tag.FrameTime, dicom.DS, "40")
	s.PutString(tag.CineRate, dicom.IS, "25")
	s.Put(frameIncrement())
	s.PutString(tag.LossyImageCompression, dicom.CS, "00")
	window(s, "128", "256")
	image(s, rows, columns, 8, 8, pixels)
	return p.finish("US heart, 16 frames", s)
}

// echo gives the brightness at a place of the sector (x from its middle, y from
// the probe downward).
func echo(x, y, beat, disturb float64) byte {
	depth := math.Hypot(x, y)
	if depth < 12 || depth > 232 || math.Abs(math.Atan2(x, y)) > 0.7 {
		return 0
	}
	v := 70 * (1 - depth/400)
	wall := math.Hypot(x/(52*beat), (y-125)/(70*beat))
	switch {
	case wall < 0.75:
		v = 8 // blood
	case wall < 1:
		v = 150
	}
	if wall < 1 && math.Abs(x) < 5 {
		v = 160 // septum
	}
	return byte(max(0, min(255, v*(1+0.45*disturb))))
}
