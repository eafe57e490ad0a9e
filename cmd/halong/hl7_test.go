package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Notes and reasons hold what senders and receivers wrote: nothing of it commands the terminal.
func TestMessageListIsPrintable(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"messages":[{"message":1,"note":"order \u001b[2J\u009b1m","application":"\u001b]0;x\u0007","type":"ORU\n"}]}`))
	}))
	defer s.Close()
	var out bytes.Buffer
	x := hl7ListCmd{Limit: 5}
	x.URL = s.URL
	if err := x.Run(&env{ctx: context.Background(), stdout: &out}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\u009b\x07") || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%q", out.String())
	}
}

// TestShowDamaged: what a damaged message says is not shown; that it is damaged is, and the command fails.
func TestShowDamaged(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		if strings.HasSuffix(rq.URL.Path, "/status") {
			_, _ = w.Write([]byte(`{"message":1,"state":"kept","damaged":"not those of the digest","answers":["MSH|^~\\&|HALONG\rMSA|AA|1\r"]}`))
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(`{"title":"Internal Server Error","status":500,"detail":"The stored bytes are damaged."}`))
	}))
	defer s.Close()
	for _, c := range []struct {
		raw, json  bool
		out, fails string
	}{
		{false, false, "its bytes are damaged, and not shown: not those of the digest", "is damaged"},
		{false, true, `"damaged": "not those of the digest"`, "is damaged"},
		{true, false, "", "The stored bytes are damaged"},
	} {
		var out bytes.Buffer
		x := hl7ShowCmd{Message: 1, Raw: c.raw}
		x.URL, x.JSON = s.URL, c.json
		err := x.Run(&env{ctx: context.Background(), stdout: &out})
		if err == nil || !strings.Contains(err.Error(), c.fails) || !strings.Contains(out.String(), c.out) || !c.raw && !strings.Contains(out.String(), "MSA|AA|1") {
			t.Errorf("%+v: %v, %s", c, err, out.String())
		}
	}
}
