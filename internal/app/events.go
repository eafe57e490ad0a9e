package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
)

// Bounds of the change feed.
const (
	mostEvents    = 1000                   // in one answer
	eventsEvery   = 250 * time.Millisecond // how often the index is asked while a caller waits
	longestWait   = time.Minute
	heartbeatTime = 15 * time.Second // a comment keeps proxies from cutting a stream that says nothing
)

// feedEvent is a change as the feed tells it.
type feedEvent struct {
	Seq      uint64           `json:"seq"`
	Time     time.Time        `json:"time"`
	Type     halong.EventType `json:"type"`
	Facility halong.Facility  `json:"facility"`
	Payload  json.RawMessage  `json:"payload"` // null when it was erased
}

// feedPage is an answer in JSON. Next is what to give as since the next time; it also passes events that the caller does not see.
type feedPage struct {
	Events []feedEvent `json:"events"`
	Next   uint64      `json:"next"`
}

// events answers GET /events: committed changes after number `since` that the caller may see, at most `limit`; if there are none
// it waits up to `wait` seconds for one. With Accept: text/event-stream they come as they happen
// (server-sent events, whose Last-Event-ID is since).
func (a *App) events(c echo.Context) error {
	scope, _, err := scope(c)
	if err != nil {
		return err
	}
	f := &feed{app: a, scope: scope, limit: mostEvents}
	since := c.QueryParam("since")
	if id := c.Request().Header.Get("Last-Event-ID"); id != "" {
		since = id
	}
	if f.at, err = number(since, 0); err != nil {
		return err
	}
	limit, err := number(c.QueryParam("limit"), mostEvents)
	if err != nil {
		return err
	}
	wait, err := number(c.QueryParam("wait"), 0)
	if err != nil {
		return err
	}
	f.limit = int(max(1, min(limit, mostEvents)))
	if err := f.known(c.Request().Context()); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	if c.Request().Method == http.MethodHead {
		return c.NoContent(http.StatusOK)
	}
	if strings.Contains(c.Request().Header.Get(echo.HeaderAccept), "text/event-stream") {
		return f.stream(c)
	}
	list, err := f.next(c.Request().Context(), min(time.Duration(min(wait, 3600))*time.Second, longestWait))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, feedPage{list, f.at})
}

func number(s string, other uint64) (uint64, error) {
	if s == "" {
		return other, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, echo.NewHTTPError(http.StatusBadRequest, "since, limit and wait must be whole numbers")
	}
	return n, nil
}

// feed is one caller's way through the events.
type feed struct {
	app   *App
	scope halong.Scope
	at    uint64 // the last event that was looked at
	limit int
}

// known refuses a number that no event has yet. Who gives it was told it by another index, or by a later copy of this one: he would be told
// of nothing until the numbers have come so far, and would miss what is before.
func (f *feed) known(ctx context.Context) error {
	if f.at == 0 {
		return nil
	}
	page, err := f.app.data.Index.EventsSince(ctx, f.at-1, 1)
	if err == nil && len(page) == 0 {
		err = echo.NewHTTPError(http.StatusConflict, "since is beyond the last event: the numbers are not from this archive as it is now; begin anew")
	}
	return err
}

// next gives the next visible events; it waits for one until the time is over, the caller goes or the program stops.
func (f *feed) next(ctx context.Context, wait time.Duration) ([]feedEvent, error) {
	list := []feedEvent{}
	until := time.Now().Add(wait)
	tick := time.NewTicker(eventsEvery)
	defer tick.Stop()
	for {
		page, err := f.app.data.Index.EventsSince(ctx, f.at, f.limit)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			f.at = e.Seq
			if f.scope.Sees(e.Facility) {
				list = append(list, feedEvent{e.Seq, e.Time, e.Type, e.Facility, e.Payload})
			}
		}
		switch {
		case len(list) > 0:
			return list, nil
		case len(page) == f.limit:
			continue
		case !time.Now().Before(until) || !f.app.ready.Load():
			return list, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// stream sends events until the caller goes or the program stops; then the caller comes back with the last number.
func (f *feed) stream(c echo.Context) error {
	w, ctx := c.Response(), c.Request().Context()
	w.Header().Set(echo.HeaderContentType, "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	for {
		w.Flush()
		list, err := f.next(ctx, heartbeatTime)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if !f.app.ready.Load() {
			return nil
		}
		if len(list) == 0 {
			if _, err := fmt.Fprint(w, ": nothing yet\n\n"); err != nil {
				return nil // the caller is gone
			}
		}
		for _, e := range list {
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, b); err != nil {
				return nil // the caller is gone
			}
		}
	}
}
