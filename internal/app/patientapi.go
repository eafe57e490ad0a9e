package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/patient"
)

// PatientView is a patient as the API shows it.
type PatientView struct {
	PatientRef
	Name        string               `json:"name,omitempty"`
	Birth       string               `json:"birthDate,omitempty"`
	Sex         string               `json:"sex,omitempty"`
	Identifiers []patient.Identifier `json:"identifiers"`
	Registered  bool                 `json:"registered"`           // by an ADT message or an operator
	Served      bool                 `json:"served"`               // these demographics are served in the place of those in headers
	MergedInto  *PatientRef          `json:"mergedInto,omitempty"` // who survives
	Merged      []PatientRef         `json:"merged,omitempty"`     // into this patient, also over others
	Linked      []PatientRef         `json:"linked,omitempty"`
}

// PatientList is a page of patients.
type PatientList struct {
	Patients []PatientView `json:"patients"`
	Next     string        `json:"next,omitempty"` // parameter after of the next page
}

// PatientChange is an entry of a patient's history.
type PatientChange struct {
	ID      int64           `json:"id"`
	Action  patient.Action  `json:"action"`
	Patient PatientRef      `json:"patient"`
	Other   *PatientRef     `json:"other,omitempty"`
	At      time.Time       `json:"at"`
	Record  uint64          `json:"record"` // journal record: of a message its number
	By      halong.Source   `json:"by"`
	Reason  string          `json:"reason,omitempty"`
	Before  json.RawMessage `json:"before,omitempty"` // demographics
}

// PatientOrder is what operators send to merge, unmerge, link and unlink.
type PatientOrder struct {
	Facility  halong.Facility `json:"facility,omitempty"`
	Authority *string         `json:"authority,omitempty"`
	Into      *PatientRef     `json:"into,omitempty"` // of a merge: who survives
	With      *PatientRef     `json:"with,omitempty"` // of link and unlink
	Reason    string          `json:"reason,omitempty"`
}

// PatientDone answers an order.
type PatientDone struct {
	Record  uint64      `json:"record"`
	Patient PatientView `json:"patient"`
}

// registerPatients adds the routes for patients. Orders are for callers that see every facility.
func (a *App) registerPatients(g *echo.Group) {
	g.GET("", a.findPatients)
	g.GET("/:id", a.onePatient)
	g.GET("/:id/history", a.patientHistory)
	for _, action := range []struct {
		path string
		does patient.Action
	}{{"merge", patient.Merged}, {"unmerge", patient.Unmerged}, {"link", patient.Linked}, {"unlink", patient.Unlinked}} {
		g.POST("/:id/"+action.path, func(c echo.Context) error { return a.orderPatients(c, action.does) }, everything)
	}
}

// findPatients answers GET /api/patients.
func (a *App) findPatients(c echo.Context) error {
	p := principal(c)
	q := patient.Query{
		Facility: halong.Facility(c.QueryParam("facility")), Identifier: c.QueryParam("identifier"), Authority: c.QueryParam("authority"),
		Name: c.QueryParam("name"), Birth: isoDate(c.QueryParam("birthdate")), Sex: hl7v2.AdministrativeSex(c.QueryParam("sex")), After: c.QueryParam("after"),
	}
	var err error
	if q.Limit, err = limitOf(c, 0); err != nil {
		return err
	}
	if q.Authority != "" && q.Identifier == "" {
		return echo.NewHTTPError(http.StatusBadRequest, "authority goes with identifier.")
	}
	ctx := c.Request().Context()
	found, err := a.data.Index.FindPatients(ctx, p.Scope, q)
	if err != nil {
		return patientError(err)
	}
	out := PatientList{Patients: []PatientView{}, Next: found.Next}
	for _, x := range found.Patients {
		v, err := a.viewPatient(ctx, p.Scope, x)
		if err != nil {
			return err
		}
		out.Patients = append(out.Patients, v)
	}
	return private(c, out)
}

// limitOf reads the parameter limit, a number of entries from 1 on.
func limitOf(c echo.Context, unless int) (int, error) {
	s := c.QueryParam("limit")
	if s == "" {
		return unless, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, echo.NewHTTPError(http.StatusBadRequest, "limit is a number of entries.")
	}
	return n, nil
}

// isoDate writes YYYYMMDD as YYYY-MM-DD.
func isoDate(s string) string {
	if len(s) == 8 && !strings.Contains(s, "-") {
		return s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	return s
}

// private answers with what names a patient.
func private(c echo.Context, v any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(http.StatusOK, v)
}

func refOf(p *patient.Patient) PatientRef {
	id, _ := p.Identity()
	return PatientRef{id.Facility, id.ID, id.Authority}
}

// viewPatient shows a patient with what the caller may see of the others it was merged or linked with.
func (a *App) viewPatient(ctx context.Context, scope halong.Scope, p *patient.Patient) (PatientView, error) {
	policy := a.config.PatientPolicy()
	v := PatientView{
		PatientRef: refOf(p), Name: p.Name, Birth: p.Birth, Sex: p.Sex, Identifiers: p.Identifiers,
		Registered: p.Registered, Served: policy.Served(p) && p.Survivor == 0,
	}
	g, err := a.data.Index.PatientGroup(ctx, p.Key)
	if err != nil {
		return v, err
	}
	if g.Survivor.Key != p.Key {
		to := refOf(g.Survivor)
		v.MergedInto = &to
		return v, nil
	}
	for _, list := range []struct {
		of   []*patient.Patient
		into *[]PatientRef
	}{{g.Merged, &v.Merged}, {g.Linked, &v.Linked}} {
		for _, x := range list.of {
			if scope.Sees(x.Facility) {
				*list.into = append(*list.into, refOf(x))
			}
		}
	}
	return v, nil
}

// The reasons for which a patient in a path is not found.
var (
	errSeveral = errors.New("several patients have this identifier; say authority and facility")
	errNobody  = errors.New("there is no such patient")
)

// namedPatient finds the patient in the path: by the identifier that is its identity, narrowed by facility and authority.
func (a *App) namedPatient(c echo.Context, f halong.Facility, authority *string) (*patient.Patient, error) {
	const op = "app.patients"
	id := c.Param("id")
	if c.Request().URL.RawPath != "" { // only then the router leaves it encoded
		var err error
		if id, err = url.PathUnescape(id); err != nil {
			return nil, halong.E(op, halong.Invalid, "", err)
		}
	}
	all, err := a.data.Index.PatientsByID(c.Request().Context(), principal(c).Scope, id)
	if err != nil {
		return nil, err
	}
	var found []*patient.Patient
	for _, p := range all {
		r := refOf(p)
		if r.ID == id && (f == "" || f == r.Facility) && (authority == nil || *authority == r.Authority) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return nil, halong.E(op, halong.NotExist, "", errNobody)
	case 1:
		return found[0], nil
	}
	return nil, halong.E(op, halong.Conflict, "", errSeveral)
}

func (a *App) queriedPatient(c echo.Context) (*patient.Patient, error) {
	var authority *string
	if c.QueryParams().Has("authority") {
		s := c.QueryParam("authority")
		authority = &s
	}
	return a.namedPatient(c, halong.Facility(c.QueryParam("facility")), authority)
}

func (a *App) onePatient(c echo.Context) error {
	p, err := a.queriedPatient(c)
	if err != nil {
		return patientError(err)
	}
	v, err := a.viewPatient(c.Request().Context(), principal(c).Scope, p)
	if err != nil {
		return err
	}
	return private(c, v)
}

// PatientHistory is a page of what was done to a patient, the oldest first.
type PatientHistory struct {
	Patient PatientRef      `json:"patient"`
	Changes []PatientChange `json:"changes"`
	Next    int64           `json:"next,omitempty"` // parameter after of the next page
}

// mostChanges is how many changes a page of a history has, unless fewer are asked for.
const mostChanges = 500

// patientHistory answers who changed what of a patient, when, and by which message.
func (a *App) patientHistory(c echo.Context) error {
	p, err := a.queriedPatient(c)
	if err != nil {
		return patientError(err)
	}
	limit, err := limitOf(c, mostChanges)
	if err != nil {
		return err
	}
	after, limit := int64(0), min(limit, mostChanges)
	if s := c.QueryParam("after"); s != "" {
		if after, err = strconv.ParseInt(s, 10, 64); err != nil {
			return echo.NewHTTPError(http.StatusBadRequest, "after is the ID of a change.")
		}
	}
	ctx, scope := c.Request().Context(), principal(c).Scope
	changes, err := a.data.Index.PatientChanges(ctx, p.Key, after, limit+1)
	if err != nil {
		return err
	}
	out := PatientHistory{Patient: refOf(p), Changes: []PatientChange{}}
	if len(changes) > limit {
		changes, out.Next = changes[:limit], changes[limit-1].ID
	}
	refs := map[int64]*PatientRef{p.Key: {}}
	*refs[p.Key] = refOf(p)
	ref := func(key int64) (*PatientRef, error) {
		if refs[key] == nil && key != 0 {
			x, err := a.data.Index.PatientWithKey(ctx, key)
			if err != nil {
				return nil, err
			}
			if scope.Sees(x.Facility) {
				r := refOf(x)
				refs[key] = &r
			}
		}
		return refs[key], nil
	}
	for i := range changes {
		h := &changes[i]
		whose, err := ref(h.Patient)
		if err != nil {
			return err
		}
		other, err := ref(h.Other)
		if err != nil {
			return err
		}
		x := PatientChange{ID: h.ID, Action: h.Action, Other: other, At: h.At, Record: h.Record, By: h.By, Reason: h.Reason, Before: json.RawMessage(h.Before)}
		if whose != nil {
			x.Patient = *whose
		}
		out.Changes = append(out.Changes, x)
	}
	return private(c, out)
}

// orderPatients carries out an operator's order.
func (a *App) orderPatients(c echo.Context, does patient.Action) error {
	var o PatientOrder
	if err := readOrder(c, &o); err != nil {
		return err
	}
	p, err := a.namedPatient(c, o.Facility, o.Authority)
	if err != nil {
		return patientError(err)
	}
	r := identityRecord{
		Action: does, Patient: refOf(p), Reason: o.Reason, At: time.Now().UTC().Truncate(time.Microsecond),
		By: halong.Source{Protocol: "API", Peer: principal(c).Name, Address: c.RealIP()},
	}
	switch other := map[patient.Action]*PatientRef{patient.Merged: o.Into, patient.Linked: o.With, patient.Unlinked: o.With}[does]; {
	case does == patient.Unmerged:
	case other == nil || other.ID == "":
		return echo.NewHTTPError(http.StatusBadRequest, "The order does not say which other patient.")
	default:
		r.Other = *other
		if r.Other.Facility == "" {
			r.Other.Facility = r.Patient.Facility
		}
		if _, err := a.data.Index.PatientByIdentity(c.Request().Context(), r.Other.identity()); err != nil {
			return patientError(err)
		}
	}
	ctx := c.Request().Context()
	done := PatientDone{}
	if done.Record, err = a.data.decidePatients(ctx, r); err != nil {
		return patientError(err)
	}
	if p, err = a.data.Index.PatientWithKey(ctx, p.Key); err != nil {
		return err
	}
	if done.Patient, err = a.viewPatient(ctx, principal(c).Scope, p); err != nil {
		return err
	}
	return private(c, done)
}

// patientError lets a caller know what is wrong with an order; the causes hold no patient data.
func patientError(err error) error {
	status := map[halong.Kind]int{halong.Invalid: http.StatusBadRequest, halong.NotExist: http.StatusNotFound, halong.Conflict: http.StatusConflict}[halong.KindOf(err)]
	var e *halong.Error
	if status == 0 || !errors.As(err, &e) {
		return err
	}
	text := errNobody.Error()
	if e.Err != nil {
		text = e.Err.Error()
	}
	return echo.NewHTTPError(status, text)
}
