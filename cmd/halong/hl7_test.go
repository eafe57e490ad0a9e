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
