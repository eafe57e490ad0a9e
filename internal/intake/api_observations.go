package intake

import (
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
)

// observation is one value over time.
type observation struct {
	Time     string          `json:"time"` // OBX-14, else OBR-7, else of receipt
	Report   lab.ID          `json:"report"`
	Message  uint64          `json:"message"`
	Facility halong.Facility `json:"facility"`
	Service  lab.Coded       `json:"service"`
	lab.Observation
}

// mostObservations bounds one answer.
const mostObservations = 5000

// observations answers GET /observations: what is shown of a patient's values, oldest first, for a trend. With a limit those
// that are the newest.
func (a *api) observations(c echo.Context, scope halong.Scope) error {
	const op = "intake.observations"
	f, err := filterOf(c)
	if err != nil {
		return err
	}
	if f.patient == "" {
		return wrongParameter("patient", "is needed: an identifier of the patient")
	}
	limit := mostObservations
	if c.QueryParam("limit") != "" {
		limit = f.limit
	}
	patients, err := a.persons(c, scope, f.patient)
	if err != nil {
		return err
	}
	if len(patients) == 0 {
		return halong.E(op, halong.NotExist, "", nil)
	}
	all := []observation{}
	for _, p := range patients {
		reports, err := a.reports(c, p, false)
		if err != nil {
			return err
		}
		for i := range reports {
			all = append(all, observed(&reports[i], &f, c.QueryParam("code"))...)
		}
	}
	slices.SortStableFunc(all, func(x, y observation) int { return lab.CompareTimes(x.Time, y.Time) })
	return answer(c, map[string]any{"observations": all[max(0, len(all)-limit):]})
}

// observed gives the observations of a report that are wanted: without a status asked for, those that have a result.
func observed(r *lab.Shown, f *filter, code string) (all []observation) {
	for _, o := range r.Observations {
		switch {
		case code != "" && !codeMatches(&o, code), f.status != "" && o.Status != f.status:
			continue
		case f.status == "" && o.Status != lab.Preliminary && o.Status != lab.Final && o.Status != lab.Corrected:
			continue
		}
		t := o.Observed
		if t == "" {
			t = r.Observed
		}
		if t == "" {
			t = r.Received.Format(time.RFC3339)
		}
		if lab.Between(t, f.from, f.to) {
			all = append(all, observation{t, r.ID, r.Message, r.Facility, r.Service, o})
		}
	}
	return all
}

// codeMatches compares a code, or system|code, with the sender's codes and the LOINC code that is known.
func codeMatches(o *lab.Observation, asked string) bool {
	system, code, found := strings.Cut(asked, "|")
	if !found {
		system, code = "", asked
	}
	loinc := strings.EqualFold(system, "LN") || system == lab.LOINC
	if o.Reading != nil && o.Reading.Code != nil && o.Reading.Code.Code == code && (!found || loinc) {
		return true
	}
	is := func(c lab.Coded) bool { return c.Code == code && (!found || c.System == system) }
	return is(o.Code) || o.Alternate != nil && is(*o.Alternate)
}
