package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// TestForwardAPI: operators who see everything steer forwarding; others, and web pages, do not.
func TestForwardAPI(t *testing.T) {
	c := onLoopback(t.TempDir())
	c.HTTP.Tokens = []config.Token{
		{Name: "operator", SHA256: fmt.Sprintf("%x", access.SumOf("all"))},
		{Name: "viewer", SHA256: fmt.Sprintf("%x", access.SumOf("one")), Facility: "BV1"},
	}
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: freeAddress(t)}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR"})
	g := serve(t, c)
	objects := series(9801, 3)
	storeAll(t, g.DICOM, objects)
	do := func(method, path, token, contentType, body string) (int, string) {
		t.Helper()
		rq, err := http.NewRequest(method, g.URL+"/api/forward"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			rq.Header.Set("Authorization", "Bearer "+token)
		}
		if contentType != "" {
			rq.Header.Set("Content-Type", contentType)
		}
		resp, err := http.DefaultClient.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	const asJSON = "application/json"
	for _, x := range []struct {
		method, path, token, contentType, body string
		want                                   int
	}{
		{"GET", "", "", "", "", 401},
		{"GET", "", "one", "", "", 403},
		{"GET", "/entries", "one", "", "", 403},
		{"POST", "/pause", "one", asJSON, `{"destination":"far"}`, 403},
		{"POST", "/pause", "", asJSON, `{"destination":"far"}`, 401},
		{"POST", "/pause", "all", "text/plain", `{"destination":"far"}`, 415},
		{"POST", "/pause", "all", asJSON, `{"destination":"far","x":1}`, 400},
		{"POST", "/pause", "all", asJSON, `{`, 400},
		{"POST", "/pause", "all", asJSON, `{"destination":"near"}`, 404},
		{"POST", "/retry", "all", asJSON, `{"states":["lost"]}`, 400},
		{"POST", "/replay", "all", asJSON, `{"destination":"near"}`, 404},
		{"POST", "/resume", "all", asJSON, `{"release":"now"}`, 409},
		{"POST", "/resume", "all", asJSON, `{"release":"never"}`, 400},
		{"GET", "/entries?state=lost", "all", "", "", 400},
		{"GET", "/entries?from=yesterday", "all", "", "", 400},
		{"GET", "/entries?limit=x", "all", "", "", 400},
		{"GET", "/entries?destination=near", "all", "", "", 404},
		{"POST", "/retry", "all", asJSON, `{"destination":"near"}`, 404},
		{"POST", "/retry", "all", asJSON, `{"destination":"far","entries":[4711]}`, 404},
		{"POST", "/retry", "all", asJSON, `{"entries":[4711]}`, 400},
		{"POST", "/replay", "all", asJSON, `{"destination":"far","entries":[4711]}`, 400},
		{"GET", "/pause", "all", "", "", 404},
		{"POST", "/drop", "one", asJSON, `{"destination":"far","entries":[1],"reason":"x"}`, 403},
		{"POST", "/drop", "", asJSON, `{"destination":"far","entries":[1],"reason":"x"}`, 401},
		{"POST", "/drop", "all", "text/plain", `{"destination":"far","entries":[1],"reason":"x"}`, 415},
		{"POST", "/drop", "all", asJSON, `{"destination":"far","entries":[1]}`, 400},
		{"POST", "/drop", "all", asJSON, `{"destination":"far","reason":"x"}`, 400},
		{"POST", "/drop", "all", asJSON, `{"destination":"far","entries":["1"],"reason":"x"}`, 400},
		{"POST", "/drop", "all", asJSON, `{"destination":"near","entries":[1],"reason":"x"}`, 404},
		{"POST", "/drop", "all", asJSON, `{"destination":"far","entries":[4711],"reason":"x"}`, 404},
		{"POST", "/pause", "all", asJSON, `{"destination":"far","reason":"a new server"}`, 200},
	} {
		if status, body := do(x.method, x.path, x.token, x.contentType, x.body); status != x.want {
			t.Errorf("%s %s %q as %q: status %d, want %d: %s", x.method, x.path, x.body, x.token, status, x.want, body)
		}
	}
	status := func() (r app.ForwardReport) {
		_, body := do("GET", "", "all", "", "")
		if err := json.Unmarshal([]byte(body), &r); err != nil || len(r.Destinations) != 1 {
			t.Fatal(body, err)
		}
		return r
	}
	eventually(t, "all have entered", func() bool { return status().Destinations[0].Entered == 3 })
	if d := status().Destinations[0]; d.Paused != "a new server" || !d.Configured {
		t.Errorf("%+v", d)
	}
	var seen []string
	for after := "0"; after != ""; {
		_, body := do("GET", "/entries?limit=2&destination=far&state=waiting,sending&study="+string(objects[0].study)+"&after="+after, "all", "", "")
		var page app.ForwardEntries
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(body, err)
		}
		for _, e := range page.Entries {
			seen = append(seen, string(e.Instance))
		}
		if after = ""; page.After != 0 {
			after = fmt.Sprint(page.After)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%v", seen)
	}
	if code, body := do("POST", "/resume", "all", asJSON, `{"destination":"far"}`); code != 200 || status().Destinations[0].Paused != "" {
		t.Errorf("status %d: %s", code, body)
	}
	if out := run(t, "forward", "--url", g.URL, "--token", "all"); !strings.Contains(out, "far") {
		t.Error(out)
	}
	head := status().Destinations[0].Head
	if head == nil {
		t.Fatalf("%+v", status())
	}
	order := fmt.Sprintf(`{"destination":"far","entries":[%d],"reason":"a broken object"}`, head.ID)
	if code, body := do("POST", "/drop", "all", asJSON, order); code != 200 || !strings.Contains(body, `"entries":1`) {
		t.Errorf("status %d: %s", code, body)
	}
	if code, body := do("POST", "/drop", "all", asJSON, order); code != 409 || !strings.Contains(body, "the entry is dead") {
		t.Errorf("status %d: %s", code, body)
	}
	if _, body := do("GET", "/entries?state=dead", "all", "", ""); !strings.Contains(body, "given up by operator: a broken object") {
		t.Error(body)
	}
	if d := status().Destinations[0]; d.Dead != 1 || d.Head == nil || d.Head.ID == head.ID {
		t.Errorf("%+v", d)
	}
	if out := run(t, "forward", "retry", "--url", g.URL, "--token", "all", "-d", "far", "--id", fmt.Sprint(head.ID)); !strings.Contains(out, "1 entries are sent again") || status().Destinations[0].Dead != 0 {
		t.Error(out, status())
	}
}

// TestNoForwarding: without a destination there is nothing to steer, and the command says so.
func TestNoForwarding(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	if status, _ := g.ask(t, "/api/forward", ""); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
}
