package deid

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// safe are private attributes known to hold nothing that identifies (of PS3.15 table E.3.10-1), by creator
// and the tag with the block taken out.
var safe = map[string][]dicom.Tag{
	"GEMS_ACQU_01":              {0x00190023, 0x00190024, 0x00190027, 0x0019009E},
	"GEMS_SERS_01":              {0x00250007},
	"GEMS_PARM_01":              {0x00430027, 0x0043006F},
	"GEMS_HELIOS_01":            {0x00450001, 0x00450002},
	"SIEMENS MR HEADER":         {0x0019000A, 0x0019000B, 0x0019000C, 0x0019000D, 0x0019000E, 0x00190027, 0x00190028, 0x00190029},
	"Philips PET Private Group": {0x70530000, 0x70530009},
	"Philips Imaging DD 001":    {0x20010003, 0x20010004},
	"Philips MR Imaging DD 001": {0x200500B0, 0x200500B1, 0x200500B2, 0x2005000D, 0x2005000E},
	"ELSCINT1":                  {0x00E10021, 0x00E10050, 0x01E10026, 0x01F10001, 0x01F10007, 0x01F10026, 0x01F10027},
}

// safePrivate gives the private attributes of a data set that are kept: those on the list above, those that it
// says itself to be safe (Private Data Element Characteristics Sequence (0008,0300)), and their creators.
func (r *run) safePrivate(s *dataset.Set) map[dicom.Tag]bool {
	if !r.on[RetainSafePrivate] {
		return nil
	}
	kept := map[dicom.Tag]bool{}
	for i := range s.Elements {
		t := s.Elements[i].Tag
		if !t.IsPrivate() || t.IsPrivateCreator() || t.Element() < 0x1000 {
			continue
		}
		block := dicom.NewTag(t.Group(), t.Element()>>8)
		creator := s.String(block)
		if isSafe(creator, t) || r.declared(s, creator, t) {
			kept[t], kept[block] = true, true
		}
	}
	return kept
}

func isSafe(creator string, t dicom.Tag) bool {
	for _, at := range safe[strings.TrimSpace(creator)] {
		if at == dicom.NewTag(t.Group(), t.Element()&0xFF) {
			return true
		}
	}
	return false
}

// declared tells whether the data set declares a private attribute safe (PS3.3 C.12.1.1.7).
func (r *run) declared(s *dataset.Set, creator string, t dicom.Tag) bool {
	e := s.Get(tag.PrivateDataElementCharacteristicsSequence)
	if e == nil || creator == "" {
		return false
	}
	for _, item := range e.Items {
		group, _ := item.Int(tag.PrivateGroupReference)
		if group != int64(t.Group()) || item.String(tag.PrivateCreatorReference) != creator {
			continue
		}
		switch item.String(tag.BlockIdentifyingInformationStatus) {
		case "SAFE":
			return true
		case "MIXED":
			for _, n := range item.Ints(tag.NonidentifyingPrivateElements) {
				if n == int64(t.Element()&0xFF) {
					return true
				}
			}
		}
	}
	return false
}

// wholeVRs gives values that were sent as UN the VR of the dictionary, so that they can be judged
// (PS3.5 6.2.2 note 2); sequences are opened.
func wholeVRs(s *dataset.Set) {
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, item := range e.Items {
			wholeVRs(item)
		}
		if e.VR != dicom.UN || e.Tag.IsPrivate() && !e.Tag.IsPrivateCreator() {
			continue
		}
		switch vr := dicom.VROf(e.Tag); {
		case vr == dicom.SQ && len(e.Value) > 0:
			*e = openSequence(e)
		case vr == dicom.SQ:
			*e = dataset.Element{Tag: e.Tag, VR: vr}
		case !vr.IsBulk() && len(e.Value) == 0: // or a value that lies elsewhere, which nobody will read
			*e = dataset.Element{Tag: e.Tag, VR: vr}
		case !vr.IsBulk():
			e.VR = vr
		}
	}
}

// openSequence reads a sequence that was sent as UN with a length. One that cannot be read becomes empty.
func openSequence(e *dataset.Element) dataset.Element {
	var b bytes.Buffer
	for _, v := range []uint16{e.Tag.Group(), e.Tag.Element()} {
		b.Write(binary.LittleEndian.AppendUint16(nil, v))
	}
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(e.Value))))
	b.Write(e.Value)
	ts, _ := dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian) // it is registered
	s, err := dataset.Parse(b.Bytes(), ts, dataset.Limits{})
	if err != nil || s.Get(e.Tag) == nil {
		return dataset.Element{Tag: e.Tag, VR: dicom.SQ}
	}
	return *s.Get(e.Tag)
}
