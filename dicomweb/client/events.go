package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// Event is a change that Halong's change feed tells of.
type Event struct {
	Seq      uint64          `json:"seq"` // give the last one as since the next time
	Time     time.Time       `json:"time"`
	Type     string          `json:"type"`
	Facility string          `json:"facility"`
	Payload  json.RawMessage `json:"payload"` // null when it was erased
}

// eventsWait is how long the server may wait for the next event, in seconds. It is less than any proxy's patience.
const eventsWait = 25

// Events follows the change feed at the URL ("https://host/events") from behind the event numbered since, for ever: it ends with
// its context, or with an error. It is Halong's own and not of PS3.18. A since that the archive does not know is an *Error with status 409.
func (c *Client) Events(ctx context.Context, feed string, since uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			page, err := c.eventsPage(ctx, feed, since)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page.Events {
				if !yield(e, nil) {
					return
				}
			}
			since = page.Next
		}
	}
}

type eventsPage struct {
	Events []Event `json:"events"`
	Next   uint64  `json:"next"`
}

func (c *Client) eventsPage(ctx context.Context, feed string, since uint64) (*eventsPage, error) {
	resp, err := c.send(ctx, request{
		op: "Events", method: http.MethodGet, header: http.Header{"Accept": {"application/json"}},
		url: feed + "?since=" + strconv.FormatUint(since, 10) + "&wait=" + strconv.Itoa(eventsWait),
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	page := &eventsPage{}
	if err := json.NewDecoder(&allowance{r: resp.Body, left: MaxObject}).Decode(page); err != nil {
		return nil, modelError(err)
	}
	return page, nil
}
