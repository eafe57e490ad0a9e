package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/halong-gateway/halong/storage"
)

// Rejection is a line of storage.rejections.
type Rejection struct {
	Code       string   `yaml:"code"`        // title of rejection notes, and code of deletions
	Hide       string   `yaml:"hide"`        // nothing | instances | note-too: what a note hides
	Again      string   `yaml:"again"`       // stored | hidden | refused: what is done with what comes again
	PurgeAfter Duration `yaml:"purge_after"` // of what notes reject; 0: never
}

var hideRules = map[string]storage.HideRule{"nothing": storage.HideNothing, "instances": storage.HideInstances, "note-too": storage.HideNoteToo}

// RejectionRules gives the rules by code: those of IHE, but for what storage.rejections says.
func (c *Config) RejectionRules() (map[string]storage.RejectionRule, error) {
	rules := storage.DefaultRejections()
	var errs []error
	for i, r := range c.Storage.Rejections {
		key := fmt.Sprintf("storage.rejections[%d]", i)
		rule, ok := rules[r.Code]
		if !ok {
			errs = append(errs, wrong(key+".code", "%q is none of 113001, 113037, 113038, 113039", r.Code))
			continue
		}
		if r.Hide != "" {
			if rule.Hide, ok = hideRules[r.Hide]; !ok {
				errs = append(errs, wrong(key+".hide", "%q is none of nothing, instances, note-too", r.Hide))
			}
		}
		if r.Again != "" {
			if err := rule.Again.UnmarshalText([]byte(r.Again)); err != nil {
				errs = append(errs, wrong(key+".again", "%w", err))
			}
		}
		rules[r.Code] = rule
	}
	return rules, errors.Join(errs...)
}

func (c *Config) checkRemoval() error {
	_, err := c.RejectionRules()
	errs := []error{err}
	for i, t := range c.HTTP.Tokens {
		if t.Purge && !t.Delete {
			errs = append(errs, wrong(fmt.Sprintf("http.tokens[%d].purge", i), "means nothing without delete"))
		}
	}
	for i, x := range c.HTTP.TLS.Clients {
		if x.Purge && !x.Delete {
			errs = append(errs, wrong(fmt.Sprintf("http.tls.clients[%d].purge", i), "means nothing without delete"))
		}
	}
	return errors.Join(errs...)
}

// PurgeAfter tells how long after what a removal hides is given up; 0: never.
func (c *Config) PurgeAfter(r *storage.Removal) time.Duration {
	if r.Kind == storage.Deleted {
		return c.Storage.PurgeAfter.Std()
	}
	after := time.Duration(0)
	for _, rule := range c.Storage.Rejections {
		if rule.Code == r.Code {
			after = rule.PurgeAfter.Std()
		}
	}
	return after
}
