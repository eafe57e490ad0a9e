package app

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// Orders and results have to be called JSON, are one value, and what is wrong with them is told as a problem (RFC 9457) with the place.
func TestBodiesInJSON(t *testing.T) {
	url := run(t, func(*config.Config) {}).Addresses().URL
	const order = `{"number":"B1","patient":{"id":"P1"},"service":{"code":"X"},"modality":"DR"}`
	const result = `{"patient":{"id":"P1"},"reports":[{"service":"S","observations":[{"code":"g","value":5.4}]}]}`
	for _, c := range []struct {
		path, kind, body string
		status           int
		holds            string
	}{
		{"/api/orders", "", order, 415, ""},
		{"/api/orders", "text/plain", order, 415, ""},
		{"/api/orders", "application/x-www-form-urlencoded", order, 415, ""},
		{"/api/results", "multipart/form-data", result, 415, ""},
		{"/api/results", "text/json", result, 415, ""},
		{"/api/orders", "application/json; charset=utf-8", order, 201, `"warnings":[{"pointer":"/modality"`},
		{"/api/orders", "application/vnd.his+json", order, 200, `"warnings":[{"pointer":"/modality"`},
		{"/api/results", "application/json", result, 200, `"reports":["`},
		{"/api/orders", "application/json", order + order, 400, `"detail":"more than one JSON value"`},
		{"/api/orders", "application/json", `{"number":"B1","patient":{"id":"P1","idd":1}}`, 400, `"errors":[{"pointer":"/patient/idd"`},
		{"/api/results", "application/json", strings.Replace(result, `"value"`, `"valu"`, 1), 400, `"pointer":"/reports/0/observations/0/valu"`},
		{"/api/orders", "application/json", strings.Repeat(" ", maxOrderBody+1), 413, ""},
		{"/api/orders/1/status", "application/x-www-form-urlencoded", "status=arrived", 415, ""},
		{"/api/orders/1/status", "application/json", `{"status":"arrived"} {}`, 400, ""},
		{"/api/orders/1/status", "application/json", `{"status":"arrived"`, 400, "takes: the JSON ends too early."},
		{"/api/worklist/items", "application/dicom", "\x10\x00\x10\x00PN\x04\x00A^B ", 400, "the item has no Scheduled Procedure Step"},
	} {
		if strings.HasSuffix(c.path, "/status") {
			c.path = "/api/orders/1048576/status" // of the first message
		}
		r, err := http.Post(url+c.path, c.kind, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || r.StatusCode != c.status || !strings.Contains(string(b), c.holds) {
			t.Errorf("%s as %q, %.60s: %d, %s (%v)", c.path, c.kind, c.body, r.StatusCode, b, err)
		}
		if got := r.Header.Get("Content-Type"); c.status >= 400 && !strings.HasSuffix(c.path, "/status") && got != "application/problem+json" {
			t.Errorf("%s, %d: %s", c.path, c.status, got)
		}
	}
}

// Also refusals that no handler answers are problems (RFC 9457): of paths that are not there, and of callers who may not.
func TestRefusalsAreProblems(t *testing.T) {
	url := run(t, func(c *config.Config) {}).Addresses().URL
	closed := run(t, func(c *config.Config) { c.HTTP.Tokens = []config.Token{{SHA256: strings.Repeat("ab", 32)}} }).Addresses().URL
	for _, c := range []struct {
		url    string
		status int
	}{
		{url + "/dicom-web/nothing", 404},
		{url + "/dicom-web/studies/1.2/series/1.3/instances/1.4/frames", 404},
		{url + "/dicom-web/facilities/X/nothing", 404},
		{url + "/nothing", 404},
		{url + "/api/nothing", 404},
		{url + "/events?since=x", 400},
		{closed + "/dicom-web/studies", 401},
		{closed + "/dicom-web/nothing", 401},
	} {
		r, err := http.Get(c.url)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Status int }
		err = json.NewDecoder(r.Body).Decode(&p)
		r.Body.Close()
		if kind := r.Header.Get("Content-Type"); err != nil || r.StatusCode != c.status || p.Status != c.status || kind != "application/problem+json" {
			t.Errorf("%s: %d as %s, %+v (%v)", c.url, r.StatusCode, kind, p, err)
		}
	}
}
