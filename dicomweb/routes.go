package dicomweb

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Register adds the routes to g, for all facilities and, below
// /facilities/{facility}, for one. Preflight requests (OPTIONS) carry no
// credentials: a middleware in front that asks for them must let OPTIONS pass.
func Register(g *echo.Group, cfg Config) {
	s := newService(cfg)
	s.routes(g)
	s.routes(g.Group("/facilities/:facility"))
}

func newService(cfg Config) *service {
	s := &service{Config: cfg.withDefaults(), pages: &pageCache{}, buffers: &buffers{}}
	s.documents = &documents{limit: s.Documents}
	return s
}

// service is what all handlers share.
type service struct {
	Config
	pages     *pageCache
	documents *documents
	coders    coders
	*buffers
}

const (
	studyPath    = "/studies/:study"
	seriesPath   = studyPath + "/series/:series"
	instancePath = seriesPath + "/instances/:instance"
)

func (s *service) routes(g *echo.Group) {
	get := func(path, operation string, h func(*request) error) {
		handler := s.handle(operation, h)
		g.GET(path, handler)
		g.HEAD(path, handler)
		g.OPTIONS(path, s.options(methods(path)))
		for _, m := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost} {
			if !strings.Contains(methods(path), m) {
				g.Add(m, path, s.handle("refuse", notAllowed(methods(path))))
			}
		}
	}
	s.uriRoutes(g)
	g.POST("/studies", s.handle("store", store))
	g.POST(studyPath, s.handle("store", store))

	get("/studies", "search", search(studies))
	get("/series", "search", search(allSeries))
	get("/instances", "search", search(allInstances))
	get(studyPath+"/series", "search", search(seriesOfStudy))
	get(studyPath+"/instances", "search", search(instancesOfStudy))
	get(seriesPath+"/instances", "search", search(instancesOfSeries))

	for _, path := range []string{studyPath, seriesPath, instancePath} {
		get(path, "retrieve", retrieve)
		get(path+"/metadata", "metadata", metadata)
	}
	get(instancePath+"/frames/:frames", "frames", frames)
	get(instancePath+"/bulkdata/*", "bulkdata", bulkdata)
}

// methods gives the value of Allow for a path.
func methods(path string) string {
	if path == "/studies" || path == studyPath {
		return "GET, HEAD, POST, OPTIONS"
	}
	return "GET, HEAD, OPTIONS"
}

// notAllowed answers 405 (RFC 9110 15.5.6). The router would do so itself but for the groups' middleware.
func notAllowed(methods string) func(*request) error {
	return func(q *request) error {
		q.Response().Header().Set(echo.HeaderAllow, methods)
		return fail(http.StatusMethodNotAllowed, "The resource does not have this method.")
	}
}

// options answers OPTIONS, as a CORS preflight or plain.
func (s *service) options(methods string) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set(echo.HeaderAllow, methods)
		s.allowOrigin(c)
		if s.allowed(c.Request().Header.Get(echo.HeaderOrigin)) && c.Request().Header.Get(echo.HeaderAccessControlRequestMethod) != "" {
			h.Set(echo.HeaderAccessControlAllowMethods, methods)
			h.Set(echo.HeaderAccessControlAllowHeaders, requestHeaders)
			h.Set(echo.HeaderAccessControlMaxAge, "7200")
		}
		return c.NoContent(http.StatusNoContent)
	}
}
