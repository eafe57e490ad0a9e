package app

import (
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/forward"
)

// forwardEdit gives what is changed of objects before they go to a destination; nil for nothing.
func (a *App) forwardEdit(c *config.ForwardDestination) (forward.Edit, error) {
	edit, err := a.sendEdit(c.Coerce, c.Deidentify)
	if edit == nil || err != nil {
		return nil, err
	}
	return forward.Edit(edit), nil
}
