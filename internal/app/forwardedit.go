package app

import (
	"errors"

	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/forward"
)

// forwardEdit gives what is changed of objects before they go to a destination; nil for nothing.
func (a *App) forwardEdit(c *config.ForwardDestination) (forward.Edit, error) {
	if len(c.Coerce) > 0 || c.Deidentify != "" {
		return nil, errors.New("coerce and deidentify are not served by this version")
	}
	return nil, nil
}
