package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/halong-gateway/halong/dicom/deid"
)

// Project is a line of deidentify: how objects for a project are de-identified (PS3.15 annex E).
type Project struct {
	Project  string   `yaml:"project"`
	KeyFile  string   `yaml:"key_file"`  // the project's secret, at least 32 bytes
	Options  []string `yaml:"options"`   // of the profile: retain_uids, clean_descriptors …
	BurnedIn string   `yaml:"burned_in"` // warn | refuse: what becomes of objects whose pixels or documents may identify
}

// Profile gives the options read, without the key.
func (p *Project) Profile() (deid.Config, error) {
	out := deid.Config{BurnedIn: deid.BurnedIn(p.BurnedIn)}
	var errs []error
	for i, name := range p.Options {
		o, err := deid.ParseOption(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("options[%d]: %w", i, err))
		}
		out.Options = append(out.Options, o)
	}
	return out, errors.Join(errs...)
}

func (c *Config) checkDeidentify() error {
	var errs []error
	for i := range c.Deidentify {
		p, key := &c.Deidentify[i], fmt.Sprintf("deidentify[%d]", i)
		same := func(o Project) bool { return o.Project == p.Project }
		switch {
		case p.Project == "":
			errs = append(errs, wrong(key+".project", "a name is needed"))
		case slices.ContainsFunc(c.Deidentify[:i], same):
			errs = append(errs, wrong(key+".project", "%q is there twice", p.Project))
		}
		if p.KeyFile == "" {
			errs = append(errs, wrong(key+".key_file", "a file with the project's secret is needed: head -c 32 /dev/urandom > FILE"))
		}
		profile, err := p.Profile()
		if err != nil {
			errs = append(errs, wrong(key+".options", "%w", err))
			continue
		}
		profile.Key = make([]byte, deid.MinKey) // the real one is read when it is used
		if _, err := deid.New(profile); err != nil {
			errs = append(errs, wrong(key, "%w", err))
		}
	}
	return errors.Join(errs...)
}
