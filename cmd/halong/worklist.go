package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

type worklistCmd struct {
	Import worklistImportCmd `cmd:"" help:"Give a running gateway worklist items: DICOM files as worklist servers keep them (.wl), one Data Set each."`
}

type worklistImportCmd struct {
	URL   string   `help:"The gateway's HTTP listener, with http.base." env:"HALONG_URL" default:"http://127.0.0.1:8080"`
	Token string   `help:"Bearer token of the facility that the items belong to." env:"HALONG_TOKEN"`
	CA    string   `name:"ca" help:"Authority of the gateway's certificate, PEM." type:"existingfile" placeholder:"FILE"`
	Files []string `arg:"" name:"file" help:"Worklist items." type:"existingfile"`
}

// maxItem bounds a worklist item, in bytes.
const maxItem = 1 << 20

// Run sends each file. What is not taken is told, and the others are sent.
func (w *worklistImportCmd) Run(e *env) error {
	h, err := (&operator{CA: w.CA}).client()
	if err != nil {
		return usage{err}
	}
	left := 0
	for _, name := range w.Files {
		if err := w.send(e.ctx, h, name); err != nil {
			fmt.Fprintf(e.stderr, "halong: %s: %s\n", name, printable(err.Error()))
			left++
		}
		if e.ctx.Err() != nil {
			return e.ctx.Err()
		}
	}
	e.printf("%d items imported\n", len(w.Files)-left)
	if left > 0 {
		return incomplete{fmt.Sprintf("%d of %d files are not in the worklist", left, len(w.Files))}
	}
	return nil
}

func (w *worklistImportCmd) send(ctx context.Context, h *http.Client, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxItem+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return err
	case len(b) > maxItem:
		return fmt.Errorf("larger than %d bytes: not a worklist item", maxItem)
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.URL, "/")+"/api/worklist/items", bytes.NewReader(b))
	if err != nil {
		return err
	}
	rq.Header.Set("Content-Type", "application/dicom")
	if w.Token != "" {
		rq.Header.Set("Authorization", "Bearer "+w.Token)
	}
	resp, err := h.Do(rq)
	if err != nil {
		return fmt.Errorf("the gateway is not reached: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("the gateway answers %s: %s", resp.Status, refusal(text))
	}
	return err
}
