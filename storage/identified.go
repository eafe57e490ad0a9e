package storage

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// plainText brings a text into the form in which the index compares it.
func plainText(s string) string { return norm.NFC.String(s) }

// openIdentified opens an instance that is served under another identity: as if it had been received so. The head is changed in memory, within the
// defaults of dataset.Limits; bulk values stay where they are.
func (a *Archive) openIdentified(ctx context.Context, in *Instance) (*Object, error) {
	o, err := a.Open(ctx, in.AsStored())
	if err != nil {
		return nil, err
	}
	o.Instance = in
	if err := o.identify(in.Patient); err != nil {
		return nil, errors.Join(o.headError("storage.Open", err), o.Close())
	}
	return o, nil
}

// identify changes what the object gives; what was received stays in o.received.
func (o *Object) identify(p *PatientIdentity) error {
	h, err := o.readHead(dataset.Limits{})
	if err != nil {
		return err
	}
	if !p.Head(h.set) {
		return nil
	}
	received := o.parts
	o.received = &received
	if h.ts.Deflated {
		return o.becomeDeflated(h)
	}
	return o.become(h)
}

// become puts a new head before and between the stored bulk values.
func (o *Object) become(h *headSet) error {
	l := h.layout(h.ts)
	m := *o.manifest
	m.Head, m.HeadLength, m.Bulk = halong.Digest{}, int64(len(l.head)), nil
	head, parts := readerAt(l.head), joined{}
	var at, inHead int64
	for _, v := range l.bulk {
		b := &h.bulk[v.from]
		n := v.offset - at
		parts.add(head, inHead, n)
		parts.add(o.received, b.offset, b.length)
		inHead, at = inHead+n, v.offset+b.length
		m.Bulk = append(m.Bulk, Bulk{Tag: b.tag, Offset: v.offset, Length: b.length})
	}
	parts.add(head, inHead, m.HeadLength-inHead)
	whole := &joined{}
	whole.add(head, 0, m.HeadLength)
	o.manifest, o.head, o.parts, o.torn = &m, whole, parts, 0
	return o.moveFrames()
}

// moveFrames finds the pixel data in the new data set, to which the offsets of the frame table refer.
func (o *Object) moveFrames() error {
	_, n := binary.Uvarint(o.frames)
	if n <= 0 {
		return nil
	}
	at, err := findPixels(o.Reader())
	if err == nil && at >= 0 {
		o.frames = append(binary.AppendUvarint(nil, uint64(at)), o.frames[n:]...)
	}
	return err
}

// becomeDeflated spools the changed data set, deflated again: all of it is head, as in every deflated one.
func (o *Object) becomeDeflated(h *headSet) error {
	f, err := os.CreateTemp("", "halong-identity-*")
	if err != nil {
		return halong.E("storage.Open", halong.Transient, "", err)
	}
	base := h.base(h.ts)
	body := transcoded(h.encode(base), base, h.ts)
	size, err := io.Copy(f, body)
	err = errors.Join(err, body.Close(), os.Remove(f.Name()))
	o.closers = append(o.closers, f)
	if err != nil {
		return err
	}
	if o.inflated != nil { // of what was received
		o.closers = append(o.closers, o.inflated)
		o.inflated = nil
	}
	o.spool = sync.Once{}
	m := *o.manifest
	m.Head, m.HeadLength, m.Bulk = halong.Digest{}, size, nil
	whole := &joined{}
	whole.add(f, 0, size)
	o.manifest, o.head, o.parts, o.torn = &m, whole, *whole, 0
	return o.moveFrames()
}

// Head applies the identity to a header, if it is for it, and tells whether that changed anything. What was there before stands in an item of
// Original Attributes Sequence (PS3.3 C.12.1.1.9.1), a Patient ID that is another now also in Other Patient IDs Sequence (PS3.3 C.7.1.1).
func (p *PatientIdentity) Head(s *dataset.Set) bool {
	if p = p.of(s); p == nil {
		return false
	}
	all := *p
	all.Changes = slices.DeleteFunc(slices.Clone(p.Changes), func(c PatientValue) bool { return plainText(s.String(c.Tag)) == c.Value })
	if len(all.Changes) > 0 {
		all.head(s)
	}
	return len(all.Changes) > 0
}

func (p *PatientIdentity) head(s *dataset.Set) {
	before := &dataset.Set{}
	for _, c := range p.Changes {
		if e := s.Get(c.Tag); e != nil {
			before.Put(*e)
		} else {
			before.Put(dataset.Element{Tag: c.Tag, VR: dicom.VROf(c.Tag)})
		}
	}
	if _, ok := p.value(tag.IssuerOfPatientID); ok { // they would tell of the former issuer
		if e := s.Get(tag.IssuerOfPatientIDQualifiersSequence); e != nil {
			before.Put(*e)
			s.Delete(tag.IssuerOfPatientIDQualifiersSequence)
		}
	}
	if e := s.Get(tag.SpecificCharacterSet); e != nil {
		before.Put(*e) // the item may be decoded apart from what encloses it
	}
	p.widen(s, before)
	for _, c := range p.Changes {
		if c.Value == "" && c.Tag == tag.IssuerOfPatientID {
			s.Delete(c.Tag)
			continue
		}
		s.PutString(c.Tag, dicom.VROf(c.Tag), c.Value)
	}
	p.note(s, before)
	if id, ok := p.value(tag.PatientID); ok && id != p.FormerID {
		p.addOther(s)
	}
}

// widen turns the header into UTF-8 if values to be put need it.
func (p *PatientIdentity) widen(s, before *dataset.Set) {
	const utf8 = "ISO_IR 192"
	wide := func(v string) bool { return strings.IndexFunc(v, func(r rune) bool { return r >= 0x80 }) >= 0 }
	all := wide(p.System) || wide(p.FormerID) || wide(p.FormerIssuer) || slices.ContainsFunc(p.Changes, func(c PatientValue) bool { return wide(c.Value) })
	if !all || s.String(tag.SpecificCharacterSet) == utf8 {
		return
	}
	before.DecodeUTF8()
	before.Delete(tag.SpecificCharacterSet)
	s.DecodeUTF8()
	s.PutString(tag.SpecificCharacterSet, dicom.CS, utf8)
}

// note adds to Original Attributes Sequence what attributes were before.
func (p *PatientIdentity) note(s, before *dataset.Set) {
	item := &dataset.Set{}
	item.Put(dataset.Element{Tag: tag.ModifiedAttributesSequence, VR: dicom.SQ, Items: []*dataset.Set{before}})
	item.PutString(tag.AttributeModificationDateTime, dicom.DT, p.At.UTC().Format("20060102150405.000000")+"+0000")
	item.PutString(tag.ModifyingSystem, dicom.LO, p.System)
	item.PutString(tag.SourceOfPreviousValues, dicom.LO, "")
	item.PutString(tag.ReasonForTheAttributeModification, dicom.CS, "COERCE") // reconciliation with a master patient index
	appendItem(s, tag.OriginalAttributesSequence, item)
}

// addOther adds the received Patient ID to Other Patient IDs Sequence.
func (p *PatientIdentity) addOther(s *dataset.Set) { PutOtherPatientID(s, p.FormerID, p.FormerIssuer) }

// PutOtherPatientID adds an item to Other Patient IDs Sequence (0010,1002).
func PutOtherPatientID(s *dataset.Set, id, issuer string) {
	item := &dataset.Set{}
	item.PutString(tag.PatientID, dicom.LO, id)
	if issuer != "" {
		item.PutString(tag.IssuerOfPatientID, dicom.LO, issuer)
	}
	item.PutString(tag.TypeOfPatientID, dicom.CS, "TEXT")
	appendItem(s, tag.OtherPatientIDsSequence, item)
}

// OtherPatientIDs joins the Other Patient IDs Sequence of an object with that of a row of a search, which tells what was asked for. Both may be nil.
func OtherPatientIDs(object, row *dataset.Element) *dataset.Element {
	if object == nil || row == nil {
		return cmp.Or(object, row)
	}
	out := *object
	out.Items = slices.Clone(object.Items)
	for _, x := range row.Items {
		same := func(o *dataset.Set) bool { return plainText(o.String(tag.PatientID)) == x.String(tag.PatientID) }
		if !slices.ContainsFunc(object.Items, same) {
			out.Items = append(out.Items, x)
		}
	}
	return &out
}

func appendItem(s *dataset.Set, t dicom.Tag, item *dataset.Set) {
	e := dataset.Element{Tag: t, VR: dicom.SQ}
	if was := s.Get(t); was != nil {
		e.Items = slices.Clone(was.Items)
	}
	e.Items = append(e.Items, item)
	s.Put(e)
}
