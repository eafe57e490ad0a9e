package main

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"runtime/debug"

	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

type serveCmd struct{ config.Flags }

// Run runs the gateway until it is told to stop.
func (s *serveCmd) Run(e *env) error {
	c, err := s.Resolve()
	if err != nil {
		return usage{err}
	}
	tuneMemory()
	a, err := app.Open(e.ctx, c, app.NewLogger(e.stderr, c.Log))
	if err != nil {
		return err
	}
	return a.Serve(e.ctx)
}

// garbageFactor lets the heap grow to four times of what is alive, some ten MB,
// before it is collected; measured, that saves a tenth of the CPU of small objects and queries. What arrives is bounded by
// the ingest budget, not by this.
const garbageFactor = 300

// tuneMemory sets the collector unless the operator did (GOGC).
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbageFactor)
	}
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(e *env) error {
	e.printf("halong %s\n", app.Version())
	return nil
}

type tokenCmd struct {
	Name string `help:"Name of the token, for logs." default:"client"`
}

// Run makes a token of 256 random bits.
func (t *tokenCmd) Run(e *env) error {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return err
	}
	token := hex.EncodeToString(b)
	sum := access.SumOf(token)
	e.printf("Give this to the client, it is not stored anywhere:\n  Authorization: Bearer %s\n", token)
	e.printf("Put this into halong.yaml:\n  http:\n    tokens:\n      - {name: %s, sha256: %x}\n", t.Name, sum)
	return nil
}
