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
}

// PatientValue is a value of an attribute that is served in the place of what was received, in UTF-8; empty: none.
type PatientValue struct {
	Tag   dicom.Tag
	Value string
}

const patientIdentityVersion = 1

// Append adds the encoding to b.
func (p *PatientIdentity) Append(b []byte) []byte {
	b = append(b, patientIdentityVersion)
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
	p := &PatientIdentity{FormerID: d.string(), FormerIssuer: d.string(), At: d.time(), System: d.string()}
	for n := d.byte(); n > 0 && d.err == nil; n-- {
		var c PatientValue
		for _, x := range d.take(4) {
			c.Tag = c.Tag<<8 | dicom.Tag(x)
		}
		c.Value = d.string()
		p.Changes = append(p.Changes, c)
	}
	if d.err != nil || len(d.b) > 0 {
		return nil, halong.E("storage.ParsePatientIdentity", halong.Corrupt, "", errors.Join(d.err, errTrailing(len(d.b))))
	}
	return p, nil
}

func errTrailing(n int) error {
	if n > 0 {
		return errors.New("bytes after its end")
	}
	return nil
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

// is tells whether a header is one of those whose identity is replaced; others in the study are somebody else's.
func (p *PatientIdentity) is(s *dataset.Set) bool {
	issuer := s.String(tag.IssuerOfPatientID)
	return plainText(s.String(tag.PatientID)) == p.FormerID && (issuer == "" || p.FormerIssuer == "" || plainText(issuer) == p.FormerIssuer)
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
