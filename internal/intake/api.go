package intake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// Results is what the API reads results and messages from.
type Results interface {
	lab.Reader
	// PatientsByIdentifier gives the visible patients that bear an identifier, in a stable order. The error is patient.ErrBearers if they are too many.
	PatientsByIdentifier(ctx context.Context, scope halong.Scope, id string) ([]*patient.Patient, error)
	// Person gives the patient that a patient's results are given out with: the survivor of what was merged.
	Person(ctx context.Context, key int64) (*patient.Patient, error)
	// ReportsOf gives the reports that a message brought versions of, in its order.
	ReportsOf(ctx context.Context, message uint64) ([]lab.ID, error)
	// Message gives a kept or refused message.
	Message(ctx context.Context, scope halong.Scope, seq uint64) (*storage.Message, error)
}

// APIConfig says what the API reads and who may see what.
type APIConfig struct {
	Results Results
	Blobs   Blobs // of the messages
	// Documents opens documents of reports; nil: they are not served.
	Documents *Documents
	Maps      lab.Maps // local codes and units
	// MapVersions lists the maps that were loaded, whose bytes Blobs opens; nil: only those in use are told of.
	MapVersions storage.MapVersions
	Intake      *Intake                   // takes results that come as JSON; nil: none do
	Peer        func(echo.Context) string // who calls, for the record; nil: nobody knows
	// Scope tells what the caller may see. Its second value is not used here.
	Scope func(echo.Context) (halong.Scope, halong.Facility, error)
}

// RegisterAPI adds to g, for all facilities and below /facilities/{facility} for one:
//
//	GET /patients/{id}/results            laboratory results (docs/lab.md)
//	GET /results/unassigned               results whose messages named no patient
//	GET /reports                          reports of a patient, by number, or the newest
//	GET /reports/{id}                     one report
//	GET /reports/{id}/documents/{n}       one document of it
//	GET /observations                     values of a patient over time
//	GET /orphans                          reports that no order is known for
//	GET /lab/unmapped                     codes and units without LOINC and UCUM
//	GET /lab/maps                         the maps in use, those that were loaded, and the file of one
//	POST /results                         results in JSON, which become an ORU
//	GET /messages/{id}                    a message, byte for byte
func RegisterAPI(g *echo.Group, cfg APIConfig) {
	a := &api{cfg, lab.Library{Store: cfg.Results, Messages: Originals{cfg.Results, cfg.Blobs}, StandIn: true}}
	for _, g := range []*echo.Group{g, g.Group("/facilities/:facility")} {
		get := func(path string, h func(echo.Context, halong.Scope) error) {
			g.Any(path, read(a.handle(h)))
		}
		get("/patients/:id/results", a.results)
		get("/results/unassigned", a.unassigned)
		get("/reports", a.list)
		get("/reports/:id", a.report)
		get("/observations", a.observations)
		get("/orphans", a.orphans)
		get("/lab/unmapped", a.unmapped)
		get("/lab/maps", a.maps)
		if cfg.Intake != nil {
			g.POST("/results", a.edge(a.submit))
		}
		if cfg.Documents != nil {
			get("/reports/:id/documents/:n", a.document)
		}
		get("/messages/:id", a.message)
	}
}

// read lets GET and HEAD through; OPTIONS asks which methods there are (RFC 9110 9.3.7).
func read(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch c.Request().Method {
		case http.MethodGet, http.MethodHead:
			return h(c)
		case http.MethodOptions:
			c.Response().Header().Set(echo.HeaderAllow, "GET, HEAD, OPTIONS")
			return c.NoContent(http.StatusNoContent)
		}
		c.Response().Header().Set(echo.HeaderAllow, "GET, HEAD, OPTIONS")
		return echo.ErrMethodNotAllowed
	}
}

type api struct {
	APIConfig
	library lab.Library // of the results
}

// handle finds out what the caller may see and turns errors into answers.
func (a *api) handle(h func(echo.Context, halong.Scope) error) echo.HandlerFunc {
	return a.edge(func(c echo.Context) error {
		scope, _, err := a.Scope(c)
		if err == nil {
			scope, err = narrow(c, scope)
		}
		if err == nil {
			err = h(c, scope)
		}
		return err
	})
}

// edge turns errors into answers.
func (a *api) edge(h echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := h(c)
		var he *echo.HTTPError
		if err == nil || errors.As(err, &he) || c.Response().Committed {
			return err
		}
		status, ok := statuses[halong.KindOf(err)]
		if !ok {
			status = http.StatusInternalServerError
		}
		return echo.NewHTTPError(status, reasonFor(err)).SetInternal(err)
	}
}

// reasonFor gives what the caller is told of an error beside its status: a text of ours, without any values. What other errors say stays in the log.
func reasonFor(err error) string {
	for _, known := range []error{patient.ErrBearers, errWasRefused} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if halong.KindOf(err) == halong.NotExist {
		return "there is no such thing, or the caller does not see it"
	}
	return ""
}

// wrongParameter answers 400 for a parameter of the path or the query.
func wrongParameter(name, detail string) error {
	return echo.NewHTTPError(http.StatusBadRequest, name+": "+detail)
}

var statuses = map[halong.Kind]int{
	halong.Invalid: http.StatusBadRequest, halong.Unsupported: http.StatusNotAcceptable, halong.NotExist: http.StatusNotFound,
	halong.Conflict: http.StatusConflict, halong.Permission: http.StatusForbidden,
	halong.Exhausted: http.StatusServiceUnavailable, halong.Transient: http.StatusServiceUnavailable,
}

// narrow limits the scope to the facility in the path.
func narrow(c echo.Context, scope halong.Scope) (halong.Scope, error) {
	f := halong.Facility(c.Param("facility"))
	switch {
	case f == "":
		return scope, nil
	case !scope.Sees(f):
		return halong.Scope{}, halong.E("intake.api", halong.NotExist, "", nil)
	}
	return halong.Scope{Own: f}, nil
}

// patientResults is one patient of the answer.
type patientResults struct {
	Facility  halong.Facility `json:"facility"`
	ID        string          `json:"id"`
	Authority string          `json:"authority"`
	*patient.Patient
	Reports []lab.Shown `json:"reports"`
}

// results answers GET /patients/{id}/results.
func (a *api) results(c echo.Context, scope halong.Scope) error {
	const op = "intake.results"
	id, err := parameter(c, "id")
	if err != nil || id == "" {
		return wrongParameter("id", "an identifier of a patient, percent-encoded")
	}
	history, err := boolean(c, "history")
	if err != nil {
		return err
	}
	patients, err := a.persons(c, scope, id)
	if err != nil {
		return err
	}
	out := make([]patientResults, 0, len(patients))
	for _, p := range patients {
		reports, err := a.reports(c, p, history)
		if err != nil {
			return err
		}
		who, _ := p.Identity()
		out = append(out, patientResults{Facility: p.Facility, ID: who.ID, Authority: who.Authority, Patient: p, Reports: reports})
	}
	if len(out) == 0 {
		return halong.E(op, halong.NotExist, "", nil)
	}
	return answer(c, map[string]any{"patients": out})
}

// parameter gives a path parameter decoded. The router leaves it encoded only if
// the path holds encoded delimiters.
func parameter(c echo.Context, name string) (string, error) {
	s := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return s, nil
	}
	return url.PathUnescape(s)
}

// bears tells whether the patient has that identifier from that authority.
func bears(p *patient.Patient, id, authority string) bool {
	for _, i := range p.Identifiers {
		if i.ID == id && i.Authority == authority {
			return true
		}
	}
	return false
}

// persons gives the patients that bear an identifier, each as the one that survives, with whom it was merged. With the parameter
// authority only those that have it from that authority.
func (a *api) persons(c echo.Context, scope halong.Scope, id string) ([]*patient.Patient, error) {
	ctx := c.Request().Context()
	patients, err := a.Results.PatientsByIdentifier(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	authority, narrowed := c.QueryParam("authority"), c.QueryParams().Has("authority")
	var out []*patient.Patient
	seen := map[int64]bool{}
	for _, p := range patients {
		if narrowed && !bears(p, id, authority) {
			continue
		}
		if p.Survivor != 0 {
			if p, err = a.Results.Person(ctx, p.Key); err != nil {
				return nil, err
			}
		}
		if !seen[p.Key] {
			seen[p.Key] = true
			out = append(out, p)
		}
	}
	return out, nil
}

// reports gives a patient's reports as they are shown.
func (a *api) reports(c echo.Context, p *patient.Patient, history bool) ([]lab.Shown, error) {
	versions, err := a.library.Versions(c.Request().Context(), p.Facility, p.Key)
	if err != nil {
		return nil, err
	}
	reports, err := lab.Fold(versions, history)
	if err != nil {
		return nil, err
	}
	lab.Relate(reports)
	for i := range reports {
		a.Maps.Apply(&reports[i], p.Sex)
		if err := a.order(c, &reports[i]); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// order finds the order of a report.
func (a *api) order(c echo.Context, r *lab.Shown) error {
	ref, ok, err := a.Results.OrderOf(c.Request().Context(), r.Facility, r.Numbers())
	if ok {
		r.Order = &ref
	}
	return err
}

// unassigned answers GET /results/unassigned, facility by facility.
func (a *api) unassigned(c echo.Context, scope halong.Scope) error {
	f := scope.Own
	if q := halong.Facility(c.QueryParam("facility")); q != "" {
		f = q
	}
	if f == "" {
		f = halong.DefaultFacility
	}
	if !scope.Sees(f) {
		return halong.E("intake.unassigned", halong.NotExist, "", nil)
	}
	history, err := boolean(c, "history")
	if err != nil {
		return err
	}
	reports, err := a.reports(c, &patient.Patient{Facility: f}, history)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"facility": f, "reports": reports})
}

// message answers GET /messages/{id} with the bytes as received; damaged ones are not given out.
func (a *api) message(c echo.Context, scope halong.Scope) error {
	seq, err := messageNumber(c)
	if err != nil {
		return err
	}
	m, err := a.Results.Message(c.Request().Context(), scope, seq)
	if err != nil {
		return err
	}
	r, err := storage.OpenWhole(a.Blobs.Open, m.Digest, m.Place)
	if err != nil {
		return err
	}
	defer r.Close()
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderContentType, "x-application/hl7-v2+er7") // HAPI's "HL7 over HTTP"; nothing is registered
	h.Set(echo.HeaderContentLength, strconv.FormatInt(r.Size(), 10))
	h.Set(echo.HeaderContentDisposition, "attachment; filename=\""+strconv.FormatUint(seq, 10)+".hl7\"")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set("X-Message-State", m.State.String())
	c.Response().WriteHeader(http.StatusOK)
	_, err = io.Copy(c.Response(), io.NewSectionReader(r, 0, r.Size()))
	return err
}

// messageNumber reads the path parameter that names a message.
func messageNumber(c echo.Context) (uint64, error) {
	seq, err := strconv.ParseUint(c.Param("id"), 10, 63)
	if err != nil {
		return 0, wrongParameter("id", "a message is named by its number")
	}
	return seq, nil
}

// boolean reads a query parameter: absent, true or false.
func boolean(c echo.Context, name string) (bool, error) {
	s := c.QueryParam(name)
	if s == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, wrongParameter(name, "true or false")
	}
	return v, nil
}

// answer writes JSON without escapes that only HTML needs.
func answer(c echo.Context, v any) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	c.Response().WriteHeader(http.StatusOK)
	e := json.NewEncoder(c.Response())
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(v)
}
