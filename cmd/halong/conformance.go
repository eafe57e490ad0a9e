package main

import (
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

type conformanceCmd struct {
	Config string `help:"Configuration file (YAML)." type:"existingfile" env:"HALONG_CONFIG"`
}

// Run prints the DICOM conformance statement of what the configuration would serve.
func (x *conformanceCmd) Run(e *env) error {
	c := config.Default()
	if x.Config != "" {
		var err error
		if c, err = config.Load(x.Config); err != nil {
			return usage{err}
		}
	}
	return app.Conformance(e.stdout, c)
}
