package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/sample"
)

type demoCmd struct {
	DICOM string `name:"dicom" default:"127.0.0.1:11112" help:"DICOM listener." placeholder:"HOST:PORT"`
	HTTP  string `name:"http" default:"127.0.0.1:8080" help:"HTTP listener." placeholder:"HOST:PORT"`
	HL7   string `name:"hl7" default:"127.0.0.1:2575" help:"MLLP listener." placeholder:"HOST:PORT"`
	Keep  bool   `help:"Keep the folder afterwards."`
	Once  bool   `help:"Stop when the patient is sent."`
}

// Run starts a gateway in a fresh folder, sends a patient through its real
// ports, says what to open, and stays up.
func (d *demoCmd) Run(e *env) (err error) {
	dir, err := os.MkdirTemp("", "halong-demo-")
	if err != nil {
		return err
	}
	if !d.Keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	c := config.Default()
	c.Data, c.DICOM.Listen, c.HTTP.Listen, c.HL7.Listen = dir, d.DICOM, d.HTTP, d.HL7
	c.Log.Level = "warn"
	a, err := app.Open(e.ctx, c, app.NewLogger(e.stderr, c.Log))
	if err != nil {
		return fmt.Errorf("%w (is another gateway running? --dicom, --http and --hl7 choose other ports; 127.0.0.1:0 takes a free one)", err)
	}
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx) }()
	<-a.Ready()
	at := a.Addresses()
	e.printf("Halong %s, data in %s\n\n", app.Version(), dir)
	p := sample.New(sample.Options{Seed: dir, Time: time.Now().Add(-3 * time.Hour)})
	if err := app.SendSample(ctx, at, c.AE, p, func(s string) { e.printf("  %s\n", s) }); err != nil {
		stop()
		return errors.Join(err, <-served)
	}
	d.tell(e, at, p)
	if d.Once {
		stop()
	}
	return <-served
}

// tell says what to open.
func (d *demoCmd) tell(e *env, at app.Addresses, p *sample.Patient) {
	study := p.CT()[0].Study
	web := at.URL + "/dicom-web"
	e.printf(`
Open, or give to curl:

  the page            %s/
  studies             curl '%s/studies?PatientName=nguyen*'
  the CT's series     curl '%s/studies/%s/series'
  its metadata        curl '%s/studies/%s/metadata'
  laboratory results  curl '%s/api/patients/%s/results'
  metrics             curl '%s/metrics'

Send your own: DICOM to %s (AE title HALONG), HL7v2 over MLLP to %s.
`, at.URL, web, web, study, web, study, at.URL, p.ID(), at.URL, at.DICOM, at.HL7)
	if !d.Once {
		e.printf("\nCtrl-C stops it; the folder is then %s.\n", map[bool]string{true: "kept", false: "removed"}[d.Keep])
	}
}
