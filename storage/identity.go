package storage

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// PatientIdentity is whose the objects of a study are served as, where that is not whose they were received as: the patient was
// merged, or registered data of the patient changed. The stored bytes stay; without it they are what is served again.
type PatientIdentity struct {
	FormerID     string // Patient ID (0010,0020) of the headers it is for, in UTF-8
	FormerIssuer string // their Issuer of Patient ID (0010,0021)
	Changes      []PatientValue
	At           time.Time // Attribute Modification DateTime (0400,0562)
	System       string    // Modifying System (0400,0563)

	Others []PatientIdentity // for headers with other Patient IDs in the same study; theirs have none
}

// PatientValue is a value of an attribute that is served in the place of what was received, in UTF-8; empty: none.
type PatientValue struct {
	Tag   dicom.Tag
	Value string
}

const patientIdentityVersion = 1

// Append adds the encoding to b.
func (p *PatientIdentity) Append(b []byte) []byte {
	b = p.append(append(b, patientIdentityVersion))
	for i := range p.Others {
		b = p.Others[i].append(b)
	}
	return b
}

func (p *PatientIdentity) append(b []byte) []byte {
	b = appendBytes(b, p.FormerID)
	b = appendBytes(b, p.FormerIssuer)
	b = appendTime(b, p.At)
	b = appendBytes(b, p.System)
	b = append(b, byte(len(p.Changes)))
	for _, c := range p.Changes {
		b = append(b, byte(c.Tag>>24), byte(c.Tag>>16), byte(c.Tag>>8), byte(c.Tag))
		b = appendBytes(b, c.Value)
	}
	return b
}

// ParsePatientIdentity reads what Append wrote. The error is of kind Corrupt.
func ParsePatientIdentity(b []byte) (*PatientIdentity, error) {
	d := decoder{b: b}
	if v := d.byte(); v != patientIdentityVersion && d.err == nil {
		d.err = errors.New("identity of an unknown version")
	}
	p := d.patientIdentity()
	for len(d.b) > 0 && d.err == nil {
		p.Others = append(p.Others, d.patientIdentity())
	}
	if d.err != nil {
		return nil, halong.E("storage.ParsePatientIdentity", halong.Corrupt, "", d.err)
	}
	return &p, nil
}

func (d *decoder) patientIdentity() PatientIdentity {
	p := PatientIdentity{FormerID: d.string(), FormerIssuer: d.string(), At: d.time(), System: d.string()}
	for n := d.byte(); n > 0 && d.err == nil; n-- {
		var c PatientValue
		for _, x := range d.take(4) {
			c.Tag = c.Tag<<8 | dicom.Tag(x)
		}
		c.Value = d.string()
		p.Changes = append(p.Changes, c)
	}
	return p
}

// value gives a value that is served instead; ok is false where what was received is.
func (p *PatientIdentity) value(t dicom.Tag) (v string, ok bool) {
	for _, c := range p.Changes {
		if c.Tag == t {
			return c.Value, true
		}
	}
	return "", false
}

// Row applies the identity to attributes as the index keeps them: in UTF-8.
func (p *PatientIdentity) Row(s *dataset.Set) {
	for _, c := range p.Changes {
		if c.Value == "" {
			s.Delete(c.Tag)
			continue
		}
		s.PutString(c.Tag, dicom.VROf(c.Tag), c.Value)
	}
}

// of gives what is for a header; nil for that of somebody else in the study.
func (p *PatientIdentity) of(s *dataset.Set) *PatientIdentity {
	id, issuer := plainText(s.String(tag.PatientID)), plainText(s.String(tag.IssuerOfPatientID))
	is := func(p *PatientIdentity) bool {
		return id == p.FormerID && (issuer == "" || p.FormerIssuer == "" || issuer == p.FormerIssuer)
	}
	if is(p) {
		return p
	}
	for i := range p.Others {
		if is(&p.Others[i]) {
			return &p.Others[i]
		}
	}
	return nil
}

// Representation names what is served of an instance: its digest, unless it is served under another identity than it was received
// with. Equal ones mean equal bytes.
func (in *Instance) Representation() halong.Digest {
	if in.Patient == nil {
		return in.Digest
	}
	return sha256.Sum256(in.Patient.Append(append([]byte(nil), in.Digest[:]...)))
}

// AsStored gives the instance with the identity it was received with: for what no identity is in, as frames, and for giving back what came.
func (in *Instance) AsStored() *Instance {
	if in.Patient == nil {
		return in
	}
	out := *in
	out.Patient = nil
	return &out
}
