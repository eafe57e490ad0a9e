package app

import (
	"cmp"
	"slices"

	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/forward"
)

// forwardEdit gives what is changed of objects before they go to a destination; nil for nothing. What is said of its Application Entity in
// dicom.destinations holds for forwarding too: nobody's data leave unedited because they took another way.
func (a *App) forwardEdit(c *config.ForwardDestination) (forward.Edit, error) {
	names, project := c.Coerce, c.Deidentify
	if d := a.config.DICOMDestination(c.AE); d != nil {
		names, project = slices.Concat(d.Coerce, names), cmp.Or(project, d.Deidentify)
	}
	edit, err := a.sendEdit(names, project)
	if edit == nil || err != nil {
		return nil, err
	}
	return forward.Edit(edit), nil
}
