package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/deid"
)

// hidden is an export that is de-identified, and what it was warned of.
type hidden struct {
	deidentifier *deid.Deidentifier // nil: nothing is
	last         []deid.Warning     // of the object being written
	all          map[deid.Warning]int
	refused      int
	failed       int // refused ones among them
}

// edit de-identifies one object.
func (h *hidden) edit(s *dataset.Set) error {
	var err error
	h.last, err = h.deidentifier.Apply(s)
	if h.all == nil {
		h.all = map[deid.Warning]int{}
	}
	for _, w := range h.last {
		h.all[w]++
	}
	if errors.Is(err, deid.ErrRefused) {
		h.refused++
	}
	return err
}

// note tells what to look at in the file just written.
func (h *hidden) note() string {
	if len(h.last) == 0 {
		return ""
	}
	words := make([]string, len(h.last))
	for i, w := range h.last {
		words[i] = string(w)
	}
	return " (look at it: " + strings.Join(words, ", ") + ")"
}

// total tells how many objects there were of each warning.
func (h *hidden) total(e *env) {
	for _, w := range slices.Sorted(maps.Keys(h.all)) {
		e.printf("%d with %s\n", h.all[w], w)
	}
	if h.refused > 0 {
		e.printf("%d refused\n", h.refused)
	}
}
