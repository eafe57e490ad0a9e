package intake

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/patient"
)

// Bounds of one answer.
const (
	defaultReports = 50
	mostReports    = 500
	indexNow       = 20_000 // versions that a request waits for to be indexed
)

// reportList answers GET /reports.
type reportList struct {
	Reports []lab.Shown `json:"reports"`
	Next    lab.ID      `json:"next,omitzero"`   // go on with before=
	Behind  int64       `json:"behind,omitzero"` // versions that are not indexed yet: the answer may lack some
}

// list answers GET /reports: of a patient, by number, or the newest.
func (a *api) list(c echo.Context, scope halong.Scope) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	var out reportList
	switch {
	case f.patient != "":
		out.Reports, err = a.reportsOfPatient(c, scope, f)
	case f.number != "":
		out, err = a.reportsByNumber(c, scope, f)
	default:
		out, err = a.recent(c, scope, f)
	}
	if err != nil {
		return err
	}
	if out.Reports == nil {
		out.Reports = []lab.Shown{}
	}
	return answer(c, out)
}

// filter is what a listing asks for.
type filter struct {
	patient, number string
	status          lab.Status
	service         string
	from, to        string
	before          lab.ID
	limit           int
	history         bool
}

func filterOf(c echo.Context) (f filter, err error) {
	f = filter{
		patient: c.QueryParam("patient"), number: c.QueryParam("number"), status: lab.Status(c.QueryParam("status")),
		service: c.QueryParam("service"), from: c.QueryParam("from"), to: c.QueryParam("to"), limit: defaultReports,
	}
	if f.history, err = boolean(c, "history"); err != nil {
		return f, err
	}
	if f.status != "" && !f.status.Known() {
		return f, wrongParameter("status", "registered, preliminary, final, corrected, cancelled, entered-in-error or deleted")
	}
	if s := c.QueryParam("before"); s != "" {
		if err := f.before.UnmarshalText([]byte(s)); err != nil {
			return f, wrongParameter("before", aReportID)
		}
	}
	for name, t := range map[string]string{"from": f.from, "to": f.to} {
		if t != "" && !lab.IsTime(t) {
			return f, wrongParameter(name, "a time of ISO 8601, with as many parts as are known")
		}
	}
	if s := c.QueryParam("limit"); s != "" {
		if f.limit, err = strconv.Atoi(s); err != nil || f.limit < 1 {
			return f, wrongParameter("limit", "a number from 1 on")
		}
		f.limit = min(f.limit, mostReports)
	}
	return f, nil
}

// fits tells whether a report is wanted.
func (f *filter) fits(r *lab.Shown) bool {
	return (f.status == "" || r.Status == f.status) &&
		(f.service == "" || r.Service.Code == f.service || strings.EqualFold(r.Service.Text, f.service)) &&
		lab.Between(r.When(), f.from, f.to) &&
		(f.number == "" || hasNumber(r, f.number))
}

func hasNumber(r *lab.Shown, number string) bool {
	n := r.Numbers()
	return slices.Contains(n.All(), number)
}

// reportsOfPatient gives those of a patient, the newest first.
func (a *api) reportsOfPatient(c echo.Context, scope halong.Scope, f filter) (all []lab.Shown, err error) {
	patients, err := a.persons(c, scope, f.patient)
	if err != nil {
		return nil, err
	}
	if len(patients) == 0 {
		return nil, halong.E("intake.reports", halong.NotExist, "", nil)
	}
	for _, p := range patients {
		reports, err := a.reports(c, p, f.history)
		if err != nil {
			return nil, err
		}
		for i := range reports {
			if f.fits(&reports[i]) && len(all) < f.limit {
				all = append(all, reports[i])
			}
		}
	}
	return all, nil
}

// reportsByNumber gives those that bear a number of an order or specimen.
func (a *api) reportsByNumber(c echo.Context, scope halong.Scope, f filter) (out reportList, err error) {
	ctx := c.Request().Context()
	if out.Behind, err = a.library.IndexLab(ctx, indexNow); err != nil {
		return out, err
	}
	ids, err := a.Results.Numbered(ctx, scope, f.number)
	if err != nil {
		return out, err
	}
	f.number = "" // an earlier version may bear it
	for r, err := range a.each(c, scope, ids, f.history) {
		if err != nil {
			return out, err
		}
		if f.fits(r) && len(out.Reports) < f.limit {
			out.Reports = append(out.Reports, *r)
		}
	}
	return out, nil
}

// recent gives the reports that changed last.
func (a *api) recent(c echo.Context, scope halong.Scope, f filter) (out reportList, err error) {
	newest, next, err := a.Results.Recent(c.Request().Context(), scope, f.before, f.limit)
	if err != nil {
		return out, err
	}
	out.Next = next
	for r, err := range a.each(c, scope, reportsOf(newest), f.history) {
		if err != nil {
			return out, err
		}
		if f.fits(r) {
			out.Reports = append(out.Reports, *r)
		}
	}
	return out, nil
}

// reportsOf gives the reports that versions are of.
func reportsOf(heads []lab.Head) []lab.ID {
	all := make([]lab.ID, len(heads))
	for i := range heads {
		all[i] = heads[i].First
	}
	return all
}

// each gives reports without their relations to others, up to the first that fails.
func (a *api) each(c echo.Context, scope halong.Scope, ids []lab.ID, history bool) iter.Seq2[*lab.Shown, error] {
	return func(yield func(*lab.Shown, error) bool) {
		for versions, err := range a.library.Reports(c.Request().Context(), scope, ids) {
			var r *lab.Shown
			if err == nil {
				r, err = a.shown(c, versions, history)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// shown gives one report of its versions.
func (a *api) shown(c echo.Context, versions []lab.Version, history bool) (*lab.Shown, error) {
	reports, err := lab.Fold(versions, history)
	if err != nil {
		return nil, err
	}
	r := &reports[0]
	sex := ""
	if key := versions[0].Patient; key != 0 {
		p, err := a.Results.Person(c.Request().Context(), key)
		if err != nil {
			return nil, err
		}
		sex = p.Sex
	}
	a.Maps.Apply(r, sex)
	return r, a.order(c, r)
}

// reportAnswer is GET /reports/{id}: the report, and whose it is.
type reportAnswer struct {
	Patient *patientRef `json:"patient,omitempty"`
	lab.Shown
}

type patientRef struct {
	ID        string `json:"id"`
	Authority string `json:"authority"`
	*patient.Patient
}

// aReportID says what names a report.
const aReportID = "a report is named by two numbers, such as 4711.0"

// reportID reads the path parameter that names a report.
func reportID(c echo.Context) (id lab.ID, err error) {
	if id.UnmarshalText([]byte(c.Param("id"))) != nil {
		return id, wrongParameter("id", aReportID)
	}
	return id, nil
}

// report answers GET /reports/{id}.
func (a *api) report(c echo.Context, scope halong.Scope) error {
	ctx := c.Request().Context()
	id, err := reportID(c)
	if err != nil {
		return err
	}
	history, err := boolean(c, "history")
	if err != nil {
		return err
	}
	versions, err := a.Results.Report(ctx, scope, id)
	if err != nil {
		return err
	}
	key := versions[0].Patient
	if key == 0 {
		for r, err := range a.each(c, scope, []lab.ID{id}, history) {
			if err != nil {
				return err
			}
			return answer(c, reportAnswer{Shown: *r})
		}
	}
	p, err := a.Results.Person(ctx, key)
	if err != nil {
		return err
	}
	reports, err := a.reports(c, p, history) // all of the patient: it may have children
	if err != nil {
		return err
	}
	i := slices.IndexFunc(reports, func(r lab.Shown) bool { return r.ID == id })
	if i < 0 {
		return halong.E("intake.report", halong.NotExist, id.String(), nil)
	}
	who, _ := p.Identity()
	return answer(c, reportAnswer{&patientRef{who.ID, who.Authority, p}, reports[i]})
}

// orphanList answers GET /orphans.
type orphanList struct {
	Orphans []orphan `json:"orphans"`
	Next    lab.ID   `json:"next,omitzero"`
}

type orphan struct {
	Reason string `json:"reason"` // "unknown order", "no number", "no patient"
	lab.Shown
}

// orphans answers GET /orphans: reports that no order is known for, the newest first. It looks each time, so that one whose
// order comes later is an orphan no more.
func (a *api) orphans(c echo.Context, scope halong.Scope) error {
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	newest, next, err := a.Results.Recent(c.Request().Context(), scope, f.before, f.limit)
	if err != nil {
		return err
	}
	out := orphanList{Orphans: []orphan{}, Next: next}
	n := 0
	for r, err := range a.each(c, scope, reportsOf(newest), false) {
		if err != nil {
			return err
		}
		known := newest[n].Patient != 0
		n++
		if r.Order != nil && known || !f.fits(r) || r.Status == lab.EnteredInError {
			continue
		}
		o := orphan{"unknown order", *r}
		numbers := r.Numbers()
		switch {
		case r.Order != nil:
			o.Reason = "no patient"
		case len(numbers.All()) == 0:
			o.Reason = "no number"
		}
		out.Orphans = append(out.Orphans, o)
	}
	return answer(c, out)
}

// unmappedList answers GET /lab/unmapped.
type unmappedList struct {
	Codes  []lab.Unmapped `json:"codes"`
	Units  []lab.Unmapped `json:"units"`
	Behind int64          `json:"behind,omitzero"` // versions that are not counted yet
}

// unmapped answers GET /lab/unmapped: the most frequent first.
func (a *api) unmapped(c echo.Context, scope halong.Scope) error {
	format := c.QueryParam("format")
	if format != "" && format != "json" && format != "csv" {
		return wrongParameter("format", "json or csv")
	}
	ctx := c.Request().Context()
	behind, err := a.library.IndexLab(ctx, indexNow)
	if err != nil {
		return err
	}
	used, err := a.Results.Codes(ctx, scope)
	if err != nil {
		return err
	}
	out := unmappedList{Behind: behind}
	out.Codes, out.Units = a.Maps.Unmapped(used)
	if format == "csv" {
		h := c.Response().Header()
		h.Set(echo.HeaderContentType, "text/csv; charset=utf-8")
		h.Set(echo.HeaderCacheControl, "no-store")
		c.Response().WriteHeader(http.StatusOK)
		return lab.WriteUnmapped(c.Response(), out.Codes, out.Units)
	}
	return answer(c, out)
}
