package intake

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
)

// RegisterReprocess adds to g, for all facilities and below /facilities/{facility} for one:
//
//	POST /messages/{id}/reprocess    process a message that was only kept
//
// The answer tells what became of it. A message that is processed already stays as it is.
func RegisterReprocess(g *echo.Group, in *Intake, scope func(echo.Context) (halong.Scope, halong.Facility, error)) {
	a := &api{APIConfig: APIConfig{Scope: scope}}
	for _, g := range []*echo.Group{g, g.Group("/facilities/:facility")} {
		g.POST("/messages/:id/reprocess", a.handle(func(c echo.Context, scope halong.Scope) error {
			seq, err := messageNumber(c)
			if err != nil {
				return err
			}
			m, err := in.Reprocess(c.Request().Context(), scope, seq)
			if err != nil {
				return err
			}
			c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
			return c.JSON(http.StatusOK, Reprocessed{Message: m.Seq, Type: m.Type, State: m.State.String(), Note: m.Why()})
		}))
	}
}

// Reprocessed is the answer to a reprocessing.
type Reprocessed struct {
	Message uint64 `json:"message"`
	Type    string `json:"type"`
	State   string `json:"state"`          // processed, or kept as before
	Note    string `json:"note,omitempty"` // why it is only kept
}
