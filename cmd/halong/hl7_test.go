package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// TestTryTakesApart: rules are tried with each message of a file alone, read in the character set that a peer's line names.
func TestTryTakesApart(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	rules := file("rules.yaml", "rules:\n  - actions:\n      - {set: MSH-5, value: HIS}\n      - {remove: 'NTE[*]'}\n")
	const one, two = "MSH|^~\\&|A||B||||ORU^R01|1|P|2.5\rPID|||1||\xa7\xf8c\rNTE|1\r", "MSH|^~\\&|A||B||||ORU^R01|2|P|2.5\rNTE|1\r"
	for name, c := range map[string]struct {
		content string
		x       hl7TryCmd
		want    string
		fails   string
	}{
		"several": {one + two, hl7TryCmd{ReadAs: "TCVN3", Charset: "UTF-8", Raw: true}, "MSH|^~\\&|A||HIS||||ORU^R01|1|P|2.5||||||UNICODE UTF-8\rPID|||1||Đức\rMSH|^~\\&|A||HIS||||ORU^R01|2|P|2.5||||||UNICODE UTF-8\r", ""},
		"batch":   {"BHS|^~\\&\r" + two + "BTS|1\r", hl7TryCmd{Raw: true}, "MSH|^~\\&|A||HIS||||ORU^R01|2|P|2.5\r", ""},
		"shown":   {two, hl7TryCmd{}, "rule 1: set MSH[1]-5: \"B\" -> \"HIS\"\nrule 1: remove NTE[1]: \"NTE|1\" -> \"\"\n  MSH|^~\\&|A||HIS||||ORU^R01|2|P|2.5\n", ""},
		"none":    {"garbage", hl7TryCmd{}, "", "message 1 of the file: "},
		"charset": {two, hl7TryCmd{ReadAs: "KLINGON"}, "", "KLINGON"},
	} {
		var out bytes.Buffer
		c.x.Rules, c.x.Message = rules, file("m.hl7", c.content)
		err := c.x.Run(&env{ctx: t.Context(), stdout: &out})
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) || out.String() != c.want {
			t.Errorf("%s: %v\n%q, not\n%q", name, err, out.String(), c.want)
		}
	}
}
