package app

import (
	"errors"
	"fmt"
	"os"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/deid"
	"github.com/halong-gateway/halong/internal/app/config"
)

// Deidentifier makes the one of a project, with its key.
func Deidentifier(c *config.Config, project string) (*deid.Deidentifier, error) {
	for i := range c.Deidentify {
		p := &c.Deidentify[i]
		if p.Project != project {
			continue
		}
		profile, err := p.Profile()
		if err != nil {
			return nil, err
		}
		if profile.Key, err = readKey(p.KeyFile); err != nil {
			return nil, fmt.Errorf("deidentify: project %s: %w", project, err)
		}
		return deid.New(profile)
	}
	return nil, fmt.Errorf("%q is not the name of one of deidentify", project)
}

// maxKey is the length of the longest key file in bytes that is read.
const maxKey = 64 << 10

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxKey {
		return nil, fmt.Errorf("%s is no key: it has %d bytes", path, info.Size())
	}
	return os.ReadFile(path)
}

// deidentifyEdit gives the de-identification of a project. What an operator should look at is counted, and logged without
// saying which object it was.
func (a *App) deidentifyEdit(project string) (func(*dataset.Set) error, error) {
	d, err := Deidentifier(a.config, project)
	if err != nil {
		return nil, err
	}
	return func(s *dataset.Set) error {
		warnings, err := d.Apply(s)
		for _, w := range warnings {
			a.metrics.deidentified.WithLabelValues(project, string(w), sentOrRefused(err)).Inc()
			a.log.Warn("de-identification: look at what is sent", "project", project, "what", string(w), "refused", err != nil)
		}
		if errors.Is(err, deid.ErrRefused) {
			return halong.E("app.deidentify", halong.Permission, "", err)
		}
		return err
	}, nil
}

func sentOrRefused(err error) string {
	if err != nil {
		return "refused"
	}
	return "sent"
}
