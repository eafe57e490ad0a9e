package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/internal/forward"
)

// Forward says what is sent on, where to, and how.
type Forward struct {
	TimeZone     string               `yaml:"time_zone"` // of windows: Asia/Ho_Chi_Minh; empty: this machine's
	Keep         Duration             `yaml:"keep"`      // how long what was sent, or gone before, stays listed
	Destinations []ForwardDestination `yaml:"destinations"`
	Rules        []ForwardRule        `yaml:"rules"`
}

// ForwardDestination is where objects are sent to: one of dicom.destinations, or a DICOMweb service.
type ForwardDestination struct {
	Name string `yaml:"name"`
	AE   string `yaml:"ae"`  // of dicom.destinations: C-STORE
	URL  string `yaml:"url"` // of a DICOMweb service: STOW-RS

	Token string `yaml:"token"` // bearer token for URL
	CA    string `yaml:"ca"`    // authority of the service's certificate, PEM; those of this machine when empty
	Cert  string `yaml:"cert"`  // what we show, PEM
	Key   string `yaml:"key"`   // to Cert

	Concurrency   int      `yaml:"concurrency"` // connections at once
	Bandwidth     Size     `yaml:"bandwidth"`   // a second; 0: no limit
	Windows       []string `yaml:"windows"`     // "Mon-Fri 19:00-07:00"; always when empty
	RetryFirst    Duration `yaml:"retry_first"`
	RetryMost     Duration `yaml:"retry_most"`
	MaxAge        Duration `yaml:"max_age"` // how long an object is tried
	Idle          Duration `yaml:"idle"`    // an unused association is released after
	Commit        bool     `yaml:"commit"`  // ask for storage commitment
	CommitTimeout Duration `yaml:"commit_timeout"`
	CommitAE      string   `yaml:"commit_ae"` // AE title that its reports come from; AE when empty

	Coerce     []string `yaml:"coerce"`     // names of rules that change what is sent
	Deidentify string   `yaml:"deidentify"` // project whose profile what is sent is de-identified by
}

// ForwardRule says which objects go where. A list that is not empty must have a value that matches.
type ForwardRule struct {
	Name        string            `yaml:"name"`
	Facility    []halong.Facility `yaml:"facility"`
	CallingAE   []string          `yaml:"calling_ae"` // who sent it here
	Modality    []string          `yaml:"modality"`
	SOPClass    []dicom.UID       `yaml:"sop_class"`
	Description []string          `yaml:"description"` // of study or series; * and ?
	Windows     []string          `yaml:"windows"`     // of the time at which it came
	To          []string          `yaml:"to"`          // names of destinations
}

// Zone gives the time zone of windows.
func (f *Forward) Zone() (*time.Location, error) {
	if f.TimeZone == "" {
		return time.Local, nil
	}
	z, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		return nil, wrong("forward.time_zone", "%q is not a time zone that this machine knows, such as Asia/Ho_Chi_Minh", f.TimeZone)
	}
	return z, nil
}

// Schedule reads windows.
func (f *Forward) Schedule(key string, windows []string) (forward.Schedule, error) {
	z, err := f.Zone()
	s := forward.Schedule{Zone: z}
	for i, text := range windows {
		w, werr := forward.ParseWindow(text)
		if werr != nil {
			err = errors.Join(err, wrong(fmt.Sprintf("%s.windows[%d]", key, i), "%w", werr))
		}
		s.Windows = append(s.Windows, w)
	}
	return s, err
}

// ForwardRules gives the rules.
func (c *Config) ForwardRules() (rules []forward.Rule, err error) {
	for i, r := range c.Forward.Rules {
		key := fmt.Sprintf("forward.rules[%d]", i)
		s, serr := c.Forward.Schedule(key, r.Windows)
		err = errors.Join(err, serr, c.checkForwardRule(key, &r))
		name := r.Name
		if name == "" {
			name = fmt.Sprintf("rule %d", i+1)
		}
		rules = append(rules, forward.Rule{
			Name: name, Facility: r.Facility, CallingAE: trimmed(r.CallingAE), Modality: r.Modality, SOPClass: r.SOPClass,
			Description: r.Description, Schedule: s, To: r.To,
		})
	}
	return rules, err
}

// trimmed takes the spaces away that do not count in an AE title (PS3.5 6.2).
func trimmed(titles []string) []string {
	out := slices.Clone(titles)
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

func (c *Config) checkForwardRule(key string, r *ForwardRule) error {
	var errs []error
	if len(r.To) == 0 {
		errs = append(errs, wrong(key+".to", "a destination is needed"))
	}
	for i, to := range r.To {
		if !slices.ContainsFunc(c.Forward.Destinations, func(d ForwardDestination) bool { return d.Name == to }) {
			errs = append(errs, wrong(fmt.Sprintf("%s.to[%d]", key, i), "%q is not the name of one of forward.destinations", to))
		}
	}
	for i, m := range r.Modality {
		if m != strings.ToUpper(strings.TrimSpace(m)) || len(m) > 16 {
			errs = append(errs, wrong(fmt.Sprintf("%s.modality[%d]", key, i), "%q matches nothing: a modality is up to 16 capitals, without spaces around (PS3.5 6.2, CS)", m))
		}
	}
	for i, u := range r.SOPClass {
		if !u.Valid() {
			errs = append(errs, wrong(fmt.Sprintf("%s.sop_class[%d]", key, i), "%q is not a UID", u))
		}
	}
	for i, f := range r.Facility {
		if err := ValidFacility(f); err != nil {
			errs = append(errs, wrong(fmt.Sprintf("%s.facility[%d]", key, i), "%w", err))
		}
	}
	return errors.Join(errs...)
}

// checkForward checks all of it.
func (c *Config) checkForward() error {
	_, err := c.ForwardRules()
	errs := []error{err}
	for i := range c.Forward.Destinations {
		errs = append(errs, c.checkForwardDestination(i))
	}
	return errors.Join(errs...)
}

func (c *Config) checkForwardDestination(i int) error {
	key, d := fmt.Sprintf("forward.destinations[%d]", i), &c.Forward.Destinations[i]
	var errs []error
	fault := func(name, format string, args ...any) { errs = append(errs, wrong(key+name, format, args...)) }
	if d.Name == "" || len(d.Name) > 64 || strings.ContainsFunc(d.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		fault(".name", "%q is no name (1 to 64 printable ASCII characters without spaces)", d.Name)
	}
	if slices.ContainsFunc(c.Forward.Destinations[:i], func(o ForwardDestination) bool { return o.Name == d.Name }) {
		fault(".name", "%q is there twice", d.Name)
	}
	switch {
	case (d.AE == "") == (d.URL == ""):
		fault("", "either ae, of dicom.destinations, or url is needed")
	case d.AE != "" && c.DICOMDestination(d.AE) == nil:
		fault(".ae", "%q is not one of dicom.destinations", d.AE)
	case d.URL != "" && client.CheckURL(d.URL) != nil:
		fault(".url", "%w", client.CheckURL(d.URL))
	case d.URL != "" && d.Commit:
		fault(".commit", "storage commitment is a service of DICOM destinations")
	case d.AE != "" && d.Token+d.CA+d.Cert+d.Key != "":
		fault("", "token, ca, cert and key go with url; certificates of an AE stand in dicom.destinations")
	case (d.Cert == "") != (d.Key == ""):
		fault("", "cert and key go together")
	}
	if d.Concurrency < 0 || d.Concurrency > 64 {
		fault(".concurrency", "1 to 64")
	}
	if n := cmp.Or(max(d.Concurrency, 0), forward.DefaultConcurrency); d.Bandwidth > 0 && int64(d.Bandwidth) < int64(n)*leastBandwidth {
		fault(".bandwidth", "at least 8KiB for each of %d (concurrency): peers give up on what comes slower", n)
	}
	if most := cmp.Or(d.RetryMost.Std(), forward.DefaultRetryMost); d.RetryFirst.Std() > most {
		fault(".retry_first", "longer than retry_most (%v)", most)
	}
	switch {
	case d.CommitAE != "" && !d.Commit:
		fault(".commit_ae", "goes with commit")
	case d.CommitAE != "" && !validAE(d.CommitAE):
		fault(".commit_ae", "%q is not an AE title", d.CommitAE)
	}
	if _, err := c.Forward.Schedule(key, d.Windows); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// leastBandwidth is what one connection needs, in bytes a second: a P-DATA-TF of 128 KiB then comes every 16 seconds.
const leastBandwidth = 8 << 10

// DICOMDestination finds one of dicom.destinations by its AE title; nil if it is none.
func (c *Config) DICOMDestination(ae string) *Destination {
	for i := range c.DICOM.Destinations {
		if strings.TrimSpace(c.DICOM.Destinations[i].AE) == strings.TrimSpace(ae) {
			return &c.DICOM.Destinations[i]
		}
	}
	return nil
}
