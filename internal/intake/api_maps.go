package intake

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// mapList answers GET /lab/maps.
type mapList struct {
	Maps   lab.Maps    `json:"maps"`   // in use, in their order
	Loaded []mapLoaded `json:"loaded"` // each time that another file came under a name, the newest first
}

type mapLoaded struct {
	Name    string    `json:"name"`
	Version string    `json:"version"`
	Digest  string    `json:"digest"`
	Loaded  time.Time `json:"loaded"`
	Codes   int       `json:"codes"`
	Units   int       `json:"units"`
	Size    int64     `json:"size"` // bytes
	InUse   bool      `json:"inUse"`
}

// mostMaps bounds the list of loaded maps.
const mostMaps = 1000

// maps answers GET /lab/maps: which maps are in use and were; with version (what the file says, or its digest or the first digits of that),
// and name where several have it, the file of the one that was loaded last.
func (a *api) maps(c echo.Context, _ halong.Scope) error {
	var all []storage.MapVersion
	if a.MapVersions != nil {
		var err error
		if all, err = a.MapVersions.MapVersions(c.Request().Context(), mostMaps); err != nil {
			return err
		}
	}
	if v := c.QueryParam("version"); v != "" {
		for i := range all {
			if m := &all[i]; isVersion(m, v) && (c.QueryParam("name") == "" || c.QueryParam("name") == m.Name) {
				return a.mapFile(c, m)
			}
		}
		return halong.E("intake.maps", halong.NotExist, "", nil)
	}
	out := mapList{Maps: a.Maps, Loaded: make([]mapLoaded, 0, len(all))}
	if out.Maps == nil {
		out.Maps = lab.Maps{}
	}
	current := map[string]string{}
	for _, m := range a.Maps {
		current[m.Name] = m.Digest
	}
	for i := range all {
		m := &all[i]
		out.Loaded = append(out.Loaded, mapLoaded{m.Name, m.Version, m.Digest.String(), m.Loaded, m.Codes, m.Units, m.Place.Length, current[m.Name] == m.Digest.String()})
		delete(current, m.Name) // the last load is the one in use
	}
	return answer(c, out)
}

// shortestDigest is how many digits of a digest name a version.
const shortestDigest = 8

// isVersion tells whether a text names a version of a map.
func isVersion(m *storage.MapVersion, v string) bool {
	digits, _ := strings.CutPrefix(v, "sha256:")
	return m.Version == v || len(digits) >= shortestDigest && strings.HasPrefix(strings.TrimPrefix(m.Digest.String(), "sha256:"), strings.ToLower(digits))
}

// mapFile answers with the file of a map as it was loaded.
func (a *api) mapFile(c echo.Context, m *storage.MapVersion) error {
	if a.Blobs == nil {
		return halong.E("intake.maps", halong.NotExist, m.Name, nil)
	}
	r, err := storage.OpenWhole(a.Blobs.Open, m.Digest, m.Place)
	if err != nil {
		return err
	}
	defer r.Close()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	h.Set(echo.HeaderContentLength, strconv.FormatInt(r.Size(), 10))
	h.Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": m.Name}))
	h.Set("ETag", `"`+m.Digest.String()+`"`)
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	c.Response().WriteHeader(http.StatusOK)
	_, err = io.Copy(c.Response(), io.NewSectionReader(r, 0, r.Size()))
	return err
}
