package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/coerce"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// coerceCmd is what is done with rules of coercion outside a gateway.
type coerceCmd struct {
	Try coerceTryCmd `cmd:"" help:"Print what rules do to a file. Nothing is written; what they look up of patients and orders is not known."`
}

type coerceTryCmd struct {
	Config    string `required:"" help:"Configuration file (YAML)." env:"HALONG_CONFIG" type:"path" placeholder:"halong.yaml"`
	Rules     string `required:"" help:"Name of the rules (key coerce)." placeholder:"NAME"`
	Facility  string `help:"As if it came to this facility (default: key facility)."`
	CallingAE string `name:"calling-ae" help:"As if it came from this Application Entity." placeholder:"AE"`
	File      string `arg:"" help:"DICOM file." type:"existingfile"`
}

// Run prints the difference.
func (t *coerceTryCmd) Run(e *env) error {
	c, err := (&config.Flags{Config: t.Config}).Resolve()
	if err != nil {
		return usage{err}
	}
	set, err := readHead(t.File)
	if err != nil {
		return fmt.Errorf("%s: %w", t.File, err)
	}
	if t.Facility == "" {
		t.Facility = string(c.Facility)
	}
	tried, err := app.TryCoercion(e.ctx, c, t.Rules, set, coerce.About{Facility: t.Facility, CallingAE: t.CallingAE, Now: time.Now()})
	if err != nil {
		return err
	}
	if len(tried.Changed) == 0 {
		e.printf("nothing is changed\n")
		return nil
	}
	for _, d := range tried.Differences {
		e.printf("%s %s\n", d.Path, d.Keyword)
		if d.Old != nil {
			e.printf("- %s\n", shown(d.Old))
		}
		if d.New != nil {
			e.printf("+ %s\n", shown(d.New))
		}
	}
	return nil
}

// shown writes values so that they cannot speak to the terminal.
func shown(values []string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, strings.Join(values, `\`))
}

// readHead reads the data set of a file without its pixels.
func readHead(name string) (s *dataset.Set, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, body, err := dataset.ReadFileHeader(bufio.NewReader(f), dataset.Limits{})
	if err != nil {
		return nil, err
	}
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	if !ok {
		return nil, fmt.Errorf("transfer syntax %s is not known", h.TransferSyntax.Loggable())
	}
	s = &dataset.Set{}
	r := dataset.NewReader(body, ts)
	for {
		t, err := r.Next()
		if err != nil {
			return s, endOf(err)
		}
		if err := take(s, r, t); err != nil {
			return nil, err
		}
	}
}

func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// take keeps a top-level element; of opaque bytes, which rules do not look at, the tag alone.
func take(s *dataset.Set, r *dataset.Reader, t dataset.Token) error {
	switch {
	case t.Depth > 0 || t.Kind == dataset.Fragment || t.Kind == dataset.FragmentsEnd:
		return nil
	case t.Kind == dataset.SequenceStart:
		e, err := r.ReadSequence(t)
		s.Put(e)
		return err
	case t.VR.IsBulk():
		s.Put(dataset.Element{Tag: t.Tag, VR: t.VR})
		return nil
	}
	v, err := r.ValueLE()
	s.Put(dataset.Element{Tag: t.Tag, VR: t.VR, Value: bytes.Clone(v)})
	return err
}
