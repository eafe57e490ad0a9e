package deid

import (
	"errors"
	"fmt"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// BurnedIn says what becomes of objects that may identify by their pixels or documents.
type BurnedIn string

// The choices.
const (
	Warn   BurnedIn = "warn"   // they pass with a Warning; the default
	Refuse BurnedIn = "refuse" // they are refused
)

// Config is what a Deidentifier is made of.
type Config struct {
	Key      []byte // the project's secret, at least MinKey bytes
	Options  []Option
	BurnedIn BurnedIn
}

// MinKey is the length of the shortest key in bytes.
const MinKey = 32

// ErrRefused is in the chain of the error when an object may identify by its pixels or documents and
// such objects are refused.
var ErrRefused = errors.New("deid: the object may show who the patient is")

// Deidentifier de-identifies SOP Instances for one project. It may be used concurrently.
type Deidentifier struct {
	key    key
	on     chosen
	refuse bool
}

// New makes a Deidentifier.
func New(c Config) (*Deidentifier, error) {
	d := &Deidentifier{key: key(c.Key), refuse: c.BurnedIn == Refuse}
	for _, o := range c.Options {
		if o > CleanRecognizableVisualFeatures {
			return nil, fmt.Errorf("deid: unknown option %d", o)
		}
		d.on[o] = true
	}
	switch {
	case len(c.Key) < MinKey:
		return nil, fmt.Errorf("deid: the key has %d bytes, at least %d are needed", len(c.Key), MinKey)
	case c.BurnedIn != "" && c.BurnedIn != Warn && c.BurnedIn != Refuse:
		return nil, fmt.Errorf("deid: %q is neither %s nor %s", c.BurnedIn, Warn, Refuse)
	case d.on[RetainFullDates] && d.on[RetainModifiedDates]:
		return nil, fmt.Errorf("deid: %v and %v exclude one another", RetainFullDates, RetainModifiedDates)
	case (d.on[CleanPixelData] || d.on[CleanRecognizableVisualFeatures]) && !d.refuse:
		return nil, fmt.Errorf("deid: pixels are not changed, so %v and %v need burned_in: %s", CleanPixelData, CleanRecognizableVisualFeatures, Refuse)
	}
	return d, nil
}

// UID gives the UID that stands for u in the project.
func (d *Deidentifier) UID(u dicom.UID) dicom.UID { return d.key.uid(u) }

// Apply de-identifies a data set in memory. Elements without value that stand for values kept elsewhere stay
// as they are, are deleted, or get another value. It tells what an operator should look at. The error wraps
// ErrRefused when the object was refused; it names no value.
func (d *Deidentifier) Apply(s *dataset.Set) ([]Warning, error) {
	wholeVRs(s)
	warnings := assess(s, &d.on)
	if d.refuse && len(warnings) > 0 {
		return warnings, fmt.Errorf("%w: %s", ErrRefused, warnings[0])
	}
	s.DecodeUTF8()
	who := patientOf(s)
	r := &run{Deidentifier: d, patient: who, days: d.key.shift(who), found: &found{key: d.key, words: map[string]bool{}}}
	r.found.gather(s)
	r.items(s)
	if s.Get(tag.StudyInstanceUID) != nil {
		s.PutString(tag.PatientID, dicom.LO, d.key.pseudonym(who))
	}
	r.found.sweep(s)
	r.mark(s)
	s.DecodeUTF8() // the character set is that of what is left
	return warnings, nil
}

// patientOf gives what patients are told apart by: Patient ID with its issuer, else what there is.
func patientOf(s *dataset.Set) string {
	id, issuer := s.String(tag.PatientID), s.String(tag.IssuerOfPatientID)
	switch {
	case id != "" && issuer != "":
		return id + "\\" + issuer
	case id != "":
		return id
	}
	if name := strings.ToUpper(strings.TrimRight(s.String(tag.PatientName), "^= ")); name != "" {
		return name
	}
	return s.String(tag.StudyInstanceUID)
}

// run de-identifies one data set.
type run struct {
	*Deidentifier
	patient string
	days    int
	strict  bool // inside a sequence of which nothing may be left that says anything
	content bool // inside structured content, whose text is cleaned
	found   *found
}
