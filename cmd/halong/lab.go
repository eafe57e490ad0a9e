package main

import (
	"fmt"

	"github.com/halong-gateway/halong/internal/app"
)

// labCmd is what is done with laboratory results outside a gateway.
type labCmd struct {
	Map labMapCmd `cmd:"" help:"Maps of local codes to LOINC and of units to UCUM (key lab.maps)."`
}

type labMapCmd struct {
	Check labMapCheckCmd `cmd:"" help:"Check a map; exit 1 if it has mistakes."`
}

type labMapCheckCmd struct {
	File string `arg:"" help:"CSV file." type:"existingfile"`
}

// Run prints what is in the map and what is wrong with it.
func (c *labMapCheckCmd) Run(e *env) error {
	m, problems, err := app.ReadLabMap(c.File)
	if err != nil {
		return err
	}
	mistakes := 0
	for _, p := range problems {
		e.printf("%s\n", p)
		if !p.Warning {
			mistakes++
		}
	}
	e.printf("%s: version %s, %d codes, %d units, %s\n", m.Name, m.Version, m.Codes, m.Units, m.Digest)
	switch mistakes {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s has 1 mistake", m.Name)
	}
	return fmt.Errorf("%s has %d mistakes", m.Name, mistakes)
}
