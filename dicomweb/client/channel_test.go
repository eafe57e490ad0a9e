package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/halong-gateway/halong/dicomweb/client"
)

// A channel whose server does not answer any more ends; one that only has nothing to say does not.
func TestIdleEventChannel(t *testing.T) {
	for _, answers := range []bool{true, false} {
		over := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer secret" {
				t.Errorf("Authorization %q", r.Header.Get("Authorization"))
			}
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			if !answers {
				<-over
				return
			}
			pings := 0
			ctx := c.CloseRead(r.Context()) // answers pings
			for pings < 3 {
				if err := c.Ping(ctx); err != nil {
					t.Error(err)
				}
				pings++
			}
			if err := c.Write(ctx, websocket.MessageText, []byte(`{"00001002":{"vr":"US","Value":["1"]},"00741000":{"vr":"CS","Value":["SCHEDULED"]}}`)); err != nil {
				t.Error(err)
			}
			<-over
		}))
		stall := time.Minute
		if !answers {
			stall = 20 * time.Millisecond
		}
		c := &client.Client{URL: s.URL + "/dicom-web", Token: "secret", Stall: stall}
		e, err := c.OpenEventChannel(t.Context(), "ws/subscribers/A")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		for r, err := range e.Reports(ctx) {
			if answers && err == nil && r.Type == client.StateReport && r.Workitem == "" {
				cancel()
				continue
			}
			if answers && !errors.Is(err, context.Canceled) || !answers && !errors.Is(err, client.ErrStalled) {
				t.Errorf("%+v, %v", r, err)
			}
		}
		cancel()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		close(over)
		s.Close()
	}
}

// The token is for nobody but the service.
func TestEventChannelElsewhere(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := r.Header.Get("Authorization"); h != "" {
			t.Errorf("Authorization %q", h)
		}
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer s.Close()
	c := &client.Client{URL: "http://pacs.test/dicom-web", Token: "secret"}
	if _, err := c.OpenEventChannel(t.Context(), s.URL+"/ws"); client.StatusOf(err) != http.StatusForbidden {
		t.Errorf("%v", err)
	}
}
