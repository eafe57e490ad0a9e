package conformance

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wadlResource is a resource of a Capabilities Description in JSON (PS3.18 annex H).
type wadlResource struct {
	Path     string
	Method   []struct{ Name, ID string }
	Resource []wadlResource
}

func (r *wadlResource) all(above string) (names []string) {
	path := strings.TrimRight(above, "/") + "/" + strings.Trim(r.Path, "/")
	for _, m := range r.Method {
		names = append(names, m.Name+" "+path)
	}
	for i := range r.Resource {
		names = append(names, r.Resource[i].all(path)...)
	}
	return names
}

// TestCapabilitiesAreTrue: what the Capabilities Description of a gateway names, the conformance statement names, and the gateway serves; nothing else.
func TestCapabilitiesAreTrue(t *testing.T) {
	g := serve(t, onLoopback(t.TempDir()))
	ask := func(method, path, accept string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(method, g.URL+"/dicom-web"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() }) // read, or not wanted
		return resp
	}
	var description struct {
		Application struct {
			Resources struct {
				Base     string
				Resource []wadlResource
			}
		}
	}
	resp := ask(http.MethodOptions, "/", "application/json")
	if err := json.NewDecoder(resp.Body).Decode(&description); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	if got := description.Application.Resources.Base; got != g.URL+"/dicom-web" {
		t.Errorf("base %s", got)
	}
	var named []string
	for i := range description.Application.Resources.Resource {
		named = append(named, description.Application.Resources.Resource[i].all("")...)
	}
	page, err := os.ReadFile("../docs/conformance-dicom.md")
	if err != nil {
		t.Fatal(err)
	}
	var stated []string
	for _, m := range regexp.MustCompile("\\| `([A-Z]+ /[^`]*)` \\|").FindAllStringSubmatch(string(page), -1) {
		stated = append(stated, m[1])
	}
	sorted := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	named = sorted(named)
	if d := cmp.Diff(sorted(stated), named); d != "" || len(named) < 30 {
		t.Errorf("conformance statement and Capabilities Description (-statement +description):\n%s", d)
	}

	methods := map[string][]string{}
	for _, n := range named {
		method, path, _ := strings.Cut(n, " ")
		methods[path] = append(methods[path], method)
	}
	for path, has := range methods {
		at := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "1.2.3")
		for _, m := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch} {
			resp := ask(m, at, "*/*")
			if refused := resp.StatusCode == http.StatusMethodNotAllowed; refused == slices.Contains(has, m) {
				t.Errorf("%s %s: %d, described %v", m, path, resp.StatusCode, has)
			}
			if allow := resp.Header.Get("Allow"); resp.StatusCode == http.StatusMethodNotAllowed && !strings.Contains(allow, has[0]) {
				t.Errorf("%s %s: Allow %q, described %v", m, path, allow, has)
			}
		}
	}
}
