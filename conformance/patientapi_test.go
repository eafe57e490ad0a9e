package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// askPatients sends a request of the API with a token and reads the answer into out.
func askPatients(t testing.TB, method, url, token string, body, out any) int {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err = io.ReadAll(r.Body); err != nil {
		t.Fatal(err)
	}
	if out != nil && r.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	return r.StatusCode
}

// TestPatientAPI: operators find, merge, link and undo; what is refused tells why; a restart changes nothing.
func TestPatientAPI(t *testing.T) {
	data := t.TempDir()
	c := onLoopback(data)
	c.HTTP.Tokens = []config.Token{
		{SHA256: fmt.Sprintf("%x", access.SumOf("operator")), Name: "operator"}, {SHA256: fmt.Sprintf("%x", access.SumOf("guest")), Name: "guest", Facility: "BV2"},
	}
	g := serve(t, c)
	for id, name := range map[string]string{"1": "Nguyễn^Ánh", "2": "Nguyễn^Ánh^Thị", "3": "Trần^Đức"} {
		hl7(t, g.HL7, "ADT^A04", "PID|1||"+id+"^^^HIS~C"+id+"^^^VNM^NI||"+name+"||19850102|F")
	}
	hl7(t, g.HL7, "ADT^A04", "PID|1||1^^^LAB||Else^One")
	at := g.URL + "/api/patients"
	one := func(query string) (v app.PatientView) {
		t.Helper()
		var l app.PatientList
		if status := askPatients(t, http.MethodGet, at+query, "operator", nil, &l); status != http.StatusOK || len(l.Patients) != 1 {
			t.Fatalf("%s: %d %+v", query, status, l)
		}
		return l.Patients[0]
	}
	for query, id := range map[string]string{"?name=tran%20duc": "3", "?identifier=C2": "2", "?name=anh%20thi&sex=f": "2", "?name=anh%20thi&sex=n%E1%BB%AF": "2", "?name=anh%20thi&birthdate=19850102&sex=F": "2", "?identifier=1&authority=LAB": "1"} {
		if v := one(query); v.ID != id || !v.Registered || v.Served {
			t.Errorf("%s: %+v", query, v)
		}
	}
	his := "HIS"
	into := func(id, authority string) *app.PatientRef { return &app.PatientRef{ID: id, Authority: authority} }
	for _, x := range []struct {
		path  string
		order app.PatientOrder
		token string
		want  int
	}{
		{"/1/merge", app.PatientOrder{Into: into("2", his)}, "operator", 409}, // two bear it
		{"/1/merge", app.PatientOrder{Authority: &his, Into: into("1", his)}, "operator", 409},
		{"/1/merge", app.PatientOrder{Authority: &his, Into: into("77", his)}, "operator", 404},
		{"/77/merge", app.PatientOrder{Into: into("1", his)}, "operator", 404},
		{"/1/merge", app.PatientOrder{Authority: &his}, "operator", 400},
		{"/1/unmerge", app.PatientOrder{Authority: &his}, "operator", 409},
		{"/3/unlink", app.PatientOrder{With: into("2", his)}, "operator", 409},
		{"/1/merge", app.PatientOrder{Authority: &his, Into: into("2", his)}, "guest", 403},
		{"/1/merge", app.PatientOrder{Authority: &his, Into: into("2", his)}, "", 401},
		{"/1/merge", app.PatientOrder{Authority: &his, Into: into("2", his), Reason: "same citizen number"}, "operator", 200},
		{"/2/merge", app.PatientOrder{Into: into("1", his)}, "operator", 200}, // they change places
		{"/3/link", app.PatientOrder{With: into("2", his)}, "operator", 200},
	} {
		if got := askPatients(t, http.MethodPost, at+x.path, x.token, x.order, nil); got != x.want {
			t.Errorf("%s %+v: %d, want %d", x.path, x.order, got, x.want)
		}
	}
	var guests app.PatientList
	if status := askPatients(t, http.MethodGet, at+"?name=nguyen", "guest", nil, &guests); status != http.StatusOK || len(guests.Patients) != 0 {
		t.Errorf("a guest sees %d %+v", status, guests)
	}
	type history struct{ Changes []app.PatientChange }
	check := func(g *gateway) (h history) {
		t.Helper()
		at := g.URL + "/api/patients"
		var v app.PatientView
		if status := askPatients(t, http.MethodGet, at+"/1?authority=HIS", "operator", nil, &v); status != http.StatusOK {
			t.Fatal(status)
		}
		if d := cmp.Diff([]app.PatientRef{{Facility: halong.DefaultFacility, ID: "2", Authority: his}}, v.Merged); d != "" || len(v.Linked) != 1 || v.Linked[0].ID != "3" {
			t.Errorf("%s %+v", d, v.Linked)
		}
		if askPatients(t, http.MethodGet, at+"/2/history", "operator", nil, &h); len(h.Changes) != 5 {
			t.Errorf("%+v", h)
		}
		return h
	}
	before := check(g)
	var page app.PatientHistory
	for i, next := 0, "/2/history?limit=2"; next != ""; i++ {
		page = app.PatientHistory{}
		if status := askPatients(t, http.MethodGet, at+next, "operator", nil, &page); status != http.StatusOK || i > 2 || page.Changes[0].ID != before.Changes[2*i].ID {
			t.Fatalf("page %d: %d %+v", i, status, page)
		}
		if next = ""; page.Next != 0 {
			next = fmt.Sprint("/2/history?limit=2&after=", page.Next)
		}
	}
	if len(page.Changes) != 1 {
		t.Errorf("the last page: %+v", page)
	}
	for _, bad := range []string{"/2/history?limit=x", "/2/history?after=x", "?limit=0"} {
		if status := askPatients(t, http.MethodGet, at+bad, "operator", nil, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if x := before.Changes[1]; x.Action != "merged" || x.Patient.ID != "1" || x.Other.ID != "2" || x.By.Peer != "operator" || x.By.Protocol != "API" || x.Reason != "same citizen number" || x.Record == 0 {
		t.Errorf("%+v", x)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	again := onLoopback(data)
	again.HTTP.Tokens = c.HTTP.Tokens
	if d := cmp.Diff(before, check(serve(t, again))); d != "" {
		t.Error(d)
	}
}
