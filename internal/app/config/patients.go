package config

import (
	"errors"
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// Patients says whose identifiers patients bear, and when what is registered of them is served in the place of what headers say.
type Patients struct {
	Demographics string             `yaml:"demographics"` // updated | registered | received
	Authority    string             `yaml:"authority"`    // assigning authority of identifiers that name none
	Trusted      []string           `yaml:"trusted"`      // assigning authorities whose identifiers ADT messages may bring in; none: all
	Facilities   []PatientsFacility `yaml:"facilities"`   // facilities with authorities of their own
}

// PatientsFacility is a line of patients.facilities.
type PatientsFacility struct {
	Facility  halong.Facility `yaml:"facility"`
	Authority string          `yaml:"authority"`
	Trusted   []string        `yaml:"trusted"`
}

func (c *Config) checkPatients() error {
	var errs []error
	switch patient.Demographics(c.Patients.Demographics) {
	case patient.DemographicsUpdated, patient.DemographicsRegistered, patient.DemographicsReceived:
	default:
		errs = append(errs, wrong("patients.demographics", "%q is none of updated, registered, received", c.Patients.Demographics))
	}
	seen := map[halong.Facility]bool{}
	for i, f := range c.Patients.Facilities {
		key := fmt.Sprintf("patients.facilities[%d]", i)
		if err := ValidFacility(f.Facility); err != nil {
			errs = append(errs, wrong(key, "%w", err))
		}
		if seen[f.Facility] {
			errs = append(errs, wrong(key, "%q is there already", f.Facility))
		}
		seen[f.Facility] = true
	}
	return errors.Join(errs...)
}

// PatientPolicy gives patients as the service wants it.
func (c *Config) PatientPolicy() patient.Policy {
	p := patient.Policy{
		Demographics: patient.Demographics(c.Patients.Demographics), System: c.AE,
		Others:     patient.Authorities{Own: c.Patients.Authority, Trusted: c.Patients.Trusted},
		Facilities: map[halong.Facility]patient.Authorities{},
	}
	for _, f := range c.Patients.Facilities {
		p.Facilities[f.Facility] = patient.Authorities{Own: f.Authority, Trusted: f.Trusted}
	}
	return p
}
