package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/coerce"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// receiveCoercion gives what rules do to objects that arrive; nil when there are none.
func receiveCoercion(c *config.Config, known coerce.Lookup) (storage.Coercion, error) {
	sets, err := c.Coercions()
	if err != nil {
		return nil, err
	}
	var rules []*coerce.Rules
	for i := range c.Coerce {
		if c.Coerce[i].Receive {
			rules = append(rules, sets[c.Coerce[i].Name])
		}
	}
	if rules == nil {
		return nil, nil
	}
	return func(ctx context.Context, in *storage.Inbound, received time.Time, s *dataset.Set) (changed []dicom.Tag, err error) {
		about := coerce.About{
			Facility: string(in.Facility), CallingAE: in.Source.Peer, System: c.AE, Now: received, Lookup: known,
		}
		for _, r := range rules {
			tags, err := r.Apply(ctx, s, about)
			if err != nil {
				return nil, err
			}
			changed = append(changed, tags...)
		}
		return changed, nil
	}, nil
}

// sendEdit gives what is changed of objects on their way to a destination: first by named rules, then by
// the de-identification of a project. It is nil when nothing is.
func (a *App) sendEdit(names []string, project string) (storage.Edit, error) {
	sets, err := a.config.Coercions()
	if err != nil {
		return nil, err
	}
	var rules []*coerce.Rules
	for _, n := range names {
		r, ok := sets[n]
		if !ok {
			return nil, fmt.Errorf("%q is not the name of one of coerce", n)
		}
		rules = append(rules, r)
	}
	var hide storage.Edit
	if project != "" {
		if hide, err = a.deidentifyEdit(project); err != nil {
			return nil, err
		}
	}
	if rules == nil && hide == nil {
		return nil, nil
	}
	return func(s *dataset.Set) error {
		about := coerce.About{System: a.config.AE, Now: time.Now()}
		for _, r := range rules {
			if _, err := r.Apply(context.Background(), s, about); err != nil {
				return halong.E("app.sendEdit", halong.Invalid, "", err)
			}
		}
		if hide != nil {
			return hide(s)
		}
		return nil
	}, nil
}

// Tried is what rules would do to an object.
type Tried struct {
	Changed     []dicom.Tag
	Differences []coerce.Difference
}

// TryCoercion tells what the rules with a name do to a data set; what they would look up is not known.
func TryCoercion(ctx context.Context, c *config.Config, name string, s *dataset.Set, about coerce.About) (Tried, error) {
	sets, err := c.Coercions()
	if err != nil {
		return Tried{}, err
	}
	rules, ok := sets[name]
	if !ok {
		return Tried{}, fmt.Errorf("%q is not the name of one of coerce", name)
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian) // it is registered
	before, err := dataset.Parse(s.Append(nil, ts), ts, dataset.Limits{})
	if err != nil {
		return Tried{}, err
	}
	about.System = c.AE
	changed, err := rules.Apply(ctx, s, about)
	return Tried{changed, coerce.Differences(before, s)}, err
}

// patients is what the index knows of patients.
type patients interface {
	PatientsByIdentifier(ctx context.Context, scope halong.Scope, id string) ([]*patient.Patient, error)
}

// records answers the lookups of rules.
type records struct{ index patients }

// Patient implements coerce.Lookup. A number that several patients of the facility bear tells nothing.
func (r records) Patient(ctx context.Context, facility, id, issuer string) (*dataset.Set, error) {
	all, err := r.index.PatientsByIdentifier(ctx, halong.Scope{Own: halong.Facility(facility)}, id)
	if errors.Is(err, patient.ErrBearers) {
		return nil, nil
	}
	if err != nil {
		return nil, halong.E("app.coerce", halong.Transient, "", err)
	}
	var found *patient.Patient
	for _, p := range all {
		if !bears(p, id, issuer) {
			continue
		}
		if found != nil {
			return nil, nil
		}
		found = p
	}
	if found == nil {
		return nil, nil
	}
	return patientAttributes(found), nil
}

// Order implements coerce.Lookup. Orders are not kept by this version.
func (r records) Order(context.Context, string, string) (*dataset.Set, error) { return nil, nil }

func bears(p *patient.Patient, id, issuer string) bool {
	for _, i := range p.Identifiers {
		if i.ID == id && (issuer == "" || i.Authority == issuer) {
			return true
		}
	}
	return false
}

// patientAttributes gives what is known of a patient as attributes of the Patient Module (PS3.3 C.7.1.1).
func patientAttributes(p *patient.Patient) *dataset.Set {
	s := &dataset.Set{}
	put := func(t dicom.Tag, vr dicom.VR, v string) {
		if v != "" {
			s.PutString(t, vr, v)
		}
	}
	put(tag.PatientName, dicom.PN, p.Name)
	if d := strings.ReplaceAll(p.Birth, "-", ""); len(d) >= 8 {
		put(tag.PatientBirthDate, dicom.DA, d[:8])
	}
	switch p.Sex { // HL7 table 0001 and (0010,0040)
	case "M", "F", "O":
		put(tag.PatientSex, dicom.CS, p.Sex)
	case "A":
		put(tag.PatientSex, dicom.CS, "O")
	}
	if id, ok := p.Identity(); ok {
		put(tag.PatientID, dicom.LO, id.ID)
		put(tag.IssuerOfPatientID, dicom.LO, id.Authority)
	}
	return s
}
