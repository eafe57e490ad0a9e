package app

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/forward"
)

// ForwardReport is the answer to GET /api/forward.
type ForwardReport struct {
	Held         string               `json:"held,omitempty"` // why an operator must decide
	Behind       uint64               `json:"events_behind"`  // events that rules have not looked at yet
	Destinations []ForwardDestination `json:"destinations"`
}

// ForwardDestination tells of one destination. Entered = Done + Dead + Gone + Waiting + Sending + Committing.
type ForwardDestination struct {
	Name        string     `json:"name"`
	Configured  bool       `json:"configured"`
	Paused      string     `json:"paused,omitempty"` // why
	Closed      bool       `json:"closed,omitempty"` // outside of its windows
	Unreachable string     `json:"unreachable,omitempty"`
	Next        *time.Time `json:"next_attempt,omitempty"` // of an unreachable one
	Entered     int64      `json:"entered"`
	Done        int64      `json:"done"`
	Dead        int64      `json:"dead"`
	Gone        int64      `json:"gone"`
	Waiting     int64      `json:"waiting"`
	Sending     int64      `json:"sending"`
	Committing  int64      `json:"committing"`
	Oldest      *time.Time `json:"oldest,omitempty"` // since when the oldest that has not ended is queued
	// Head is the entry that the others wait for: the first message that has not ended; of objects, which wait for none, the one that is queued longest.
	Head *ForwardEntry `json:"head,omitempty"`
}

// ForwardEntry is one entry of the ledger.
type ForwardEntry struct {
	ID          int64           `json:"id"`
	Destination string          `json:"destination"`
	State       string          `json:"state"`
	Facility    halong.Facility `json:"facility"`
	Study       dicom.UID       `json:"study,omitempty"`
	Series      dicom.UID       `json:"series,omitempty"`
	Instance    dicom.UID       `json:"instance,omitempty"`
	SentAs      dicom.UID       `json:"sent_as,omitempty"`
	Digest      string          `json:"digest,omitempty"`
	Message     string          `json:"message,omitempty"` // of a message: what it is made of, "message 12", "report 12.0", "order 34"
	Type        string          `json:"type,omitempty"`    // of a message: its type, or that of what it is about
	Event       uint64          `json:"event"`
	Attempts    int             `json:"attempts"`
	Entered     time.Time       `json:"entered"`
	Changed     time.Time       `json:"changed"`
	Due         *time.Time      `json:"due,omitempty"` // of a waiting one
	Reason      string          `json:"reason,omitempty"`
}

// ForwardEntries is a page of entries; the next one is After.
type ForwardEntries struct {
	Entries []ForwardEntry `json:"entries"`
	After   int64          `json:"after,omitempty"` // 0: that was the last page
}

// ForwardOrder is what operators send to retry, replay, pause, resume and drop. Empty fields mean all, but for drop.
type ForwardOrder struct {
	Destination string    `json:"destination,omitempty"`
	States      []string  `json:"states,omitempty"`
	Study       dicom.UID `json:"study,omitempty"`
	From        time.Time `json:"from,omitzero"`
	Until       time.Time `json:"until,omitzero"`
	Entries     []int64   `json:"entries,omitempty"` // of drop, and of retry: which
	Reason      string    `json:"reason,omitempty"`  // of a pause, or of drop
	Release     string    `json:"release,omitempty"`
}

// The values of ForwardOrder.Release: how forwarding that is held goes on.
const (
	ReleaseNow    = "now"    // with what comes from now on
	ReleaseReplay = "replay" // with all that is stored
)

// ForwardDone tells how many entries an order concerned.
type ForwardDone struct {
	Entries int `json:"entries"`
}

// forwardPage is how many entries are given at once, unless less are asked for.
const forwardPage = 1000

// registerForward adds the operators' routes for forwarding. They are for callers that see every facility.
func (a *App) registerForward(g *echo.Group) {
	if a.forward == nil {
		return
	}
	g.Use(everything)
	g.GET("", a.forwardStatus)
	g.GET("/entries", a.forwardEntries)
	g.POST("/retry", order(a.forwardRetry))
	g.POST("/replay", order(a.forwardReplay))
	g.POST("/pause", order(a.forwardPause))
	g.POST("/resume", order(a.forwardResume))
	g.POST("/drop", order(a.forwardDrop))
}

// everything lets callers in that see every facility.
func everything(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !principal(c).Scope.All {
			return echo.NewHTTPError(http.StatusForbidden)
		}
		return next(c)
	}
}

// order carries out an operator's order.
func order(do func(echo.Context, *ForwardOrder) (any, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		var o ForwardOrder
		if err := readOrder(c, &o); err != nil {
			return err
		}
		answer, err := do(c, &o)
		if err != nil {
			return forwardError(err)
		}
		return c.JSON(http.StatusOK, answer)
	}
}

// forwardError lets a caller know what is wrong with an order.
func forwardError(err error) error {
	switch halong.KindOf(err) {
	case halong.Invalid:
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	case halong.NotExist:
		return echo.NewHTTPError(http.StatusNotFound, err.Error())
	case halong.Conflict:
		return echo.NewHTTPError(http.StatusConflict, err.Error())
	}
	return err
}

func (a *App) forwardStatus(c echo.Context) error {
	list, held, behind, err := a.forward.Status(c.Request().Context())
	if err != nil {
		return err
	}
	r := ForwardReport{Held: held, Behind: behind, Destinations: []ForwardDestination{}}
	for i := range list {
		s := &list[i]
		d := ForwardDestination{
			Name: s.Destination, Configured: s.Active, Paused: s.Paused, Closed: s.Closed, Unreachable: s.Unreachable, Next: orNil(s.Next),
			Entered: s.Entered, Done: s.Count[forward.Done], Dead: s.Count[forward.Dead], Gone: s.Count[forward.Gone],
			Waiting: s.Count[forward.Waiting], Sending: s.Count[forward.Sending], Committing: s.Count[forward.Committing], Oldest: orNil(s.Oldest),
		}
		if s.Head != nil {
			head := entryOf(s.Head)
			d.Head = &head
		}
		r.Destinations = append(r.Destinations, d)
	}
	return c.JSON(http.StatusOK, r)
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (a *App) forwardEntries(c echo.Context) error {
	q := c.QueryParams()
	o := ForwardOrder{Destination: q.Get("destination"), Study: dicom.UID(q.Get("study"))}
	if s := q.Get("state"); s != "" {
		o.States = strings.Split(s, ",")
	}
	var errs []error
	for _, t := range []struct {
		key  string
		into *time.Time
	}{{"from", &o.From}, {"until", &o.Until}} {
		if s := q.Get(t.key); s != "" {
			errs = append(errs, t.into.UnmarshalText([]byte(s)))
		}
	}
	number := func(key string, def int64) int64 {
		if q.Get(key) == "" {
			return def
		}
		n, err := strconv.ParseInt(q.Get(key), 10, 64)
		if errs = append(errs, err); n < 0 {
			n = 0
		}
		return n
	}
	after, limit := number("after", 0), min(number("limit", forwardPage), forwardPage)
	s, err := o.selection()
	if err = errors.Join(append(errs, err)...); err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	list, err := a.forward.List(c.Request().Context(), s, after, int(limit))
	if err != nil {
		return forwardError(err)
	}
	page := ForwardEntries{Entries: []ForwardEntry{}}
	for i := range list {
		page.Entries = append(page.Entries, entryOf(&list[i]))
	}
	if len(list) > 0 && len(list) == int(limit) {
		page.After = list[len(list)-1].ID
	}
	return c.JSON(http.StatusOK, page)
}

func entryOf(e *forward.Entry) ForwardEntry {
	out := ForwardEntry{
		ID: e.ID, Destination: e.Destination, State: e.State.String(), Facility: e.Facility, Study: e.Study, Series: e.Series, Instance: e.SOP,
		SentAs: e.SentAs, Message: e.Ref, Type: e.Type, Event: e.Event, Attempts: e.Attempts, Entered: e.Entered, Changed: e.Changed, Reason: e.Reason,
	}
	if e.Kind != forward.Message {
		out.Digest = e.Digest.String()
	}
	if e.State == forward.Waiting {
		out.Due = orNil(e.Due)
	}
	return out
}

// selection gives the entries that an order means.
func (o *ForwardOrder) selection() (forward.Selection, error) {
	s := forward.Selection{Destination: o.Destination, Study: o.Study, From: o.From, Until: o.Until}
	for _, name := range o.States {
		state, ok := forward.ParseState(name)
		if !ok {
			return s, halong.E("app.forward", halong.Invalid, "", errors.New("a state is one of waiting, sending, committing, done, dead, gone"))
		}
		s.States = append(s.States, state)
	}
	return s, nil
}

func (a *App) forwardRetry(c echo.Context, o *ForwardOrder) (any, error) {
	s, err := o.selection()
	if err != nil {
		return nil, err
	}
	s.Entries = o.Entries
	n, err := a.forward.Retry(c.Request().Context(), s)
	return ForwardDone{n}, err
}

func (a *App) forwardReplay(c echo.Context, o *ForwardOrder) (any, error) {
	s, err := o.selection()
	if err == nil && len(o.Entries) > 0 {
		err = halong.E("app.forward", halong.Invalid, "", errors.New("replay goes by what is stored: retry takes entries"))
	}
	if err != nil {
		return nil, err
	}
	n, err := a.forward.Replay(c.Request().Context(), forward.Replay{Destination: s.Destination, Study: s.Study, From: s.From, Until: s.Until, States: s.States})
	return ForwardDone{n}, err
}

func (a *App) forwardPause(c echo.Context, o *ForwardOrder) (any, error) {
	return ForwardDone{}, a.forward.Pause(c.Request().Context(), o.Destination, o.Reason)
}

func (a *App) forwardResume(c echo.Context, o *ForwardOrder) (any, error) {
	ctx := c.Request().Context()
	switch o.Release {
	case "":
		return ForwardDone{}, a.forward.Resume(ctx, o.Destination)
	case ReleaseNow, ReleaseReplay:
		return ForwardDone{}, a.forward.Release(ctx, o.Release == ReleaseReplay)
	}
	return nil, halong.E("app.forward", halong.Invalid, "", errors.New("release is now or replay"))
}

func (a *App) forwardDrop(c echo.Context, o *ForwardOrder) (any, error) {
	n, err := a.forward.Drop(c.Request().Context(), o.Destination, o.Entries, principal(c).Name, o.Reason)
	return ForwardDone{n}, err
}
