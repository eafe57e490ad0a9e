package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/app/config"
)

// A number that no event has is refused, since its bearer would miss events; and HEAD ends.
func TestEventsRefuse(t *testing.T) {
	a := run(t, func(*config.Config) {})
	url := a.addrs.URL + "/events"
	stream := "text/event-stream"
	client := &http.Client{Timeout: time.Minute} // a stream that is not refused would never end
	for _, tc := range []struct {
		method, query, accept string
		last                  string
		want                  int
	}{
		{http.MethodGet, "", "", "", http.StatusOK},
		{http.MethodGet, "?since=0", "", "", http.StatusOK},
		{http.MethodGet, "?since=7", "", "", http.StatusConflict},
		{http.MethodGet, "?since=9223372036854775807", "", "", http.StatusConflict},
		{http.MethodGet, "", stream, "7", http.StatusConflict},
		{http.MethodGet, "?since=-1", "", "", http.StatusBadRequest},
		{http.MethodGet, "?limit=x", "", "", http.StatusBadRequest},
		{http.MethodHead, "", "", "", http.StatusOK},
		{http.MethodHead, "", stream, "", http.StatusOK},
	} {
		h := []string{"Accept", tc.accept}
		if tc.last != "" {
			h = append(h, "Last-Event-ID", tc.last)
		}
		if r := request(t, client, tc.method, url+tc.query, h...); r.StatusCode != tc.want {
			t.Errorf("%s %s %s %s: %d, want %d", tc.method, tc.query, tc.accept, tc.last, r.StatusCode, tc.want)
		}
	}
}
