package dicomweb

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
)

// described gives "METHOD /path" of every method of a description.
func described(d *wadl) (all []string) {
	var walk func(prefix string, r *wadlResource)
	walk = func(prefix string, r *wadlResource) {
		path := strings.TrimRight(prefix, "/") + "/" + strings.Trim(r.Path, "/")
		for _, m := range r.Method {
			all = append(all, m.Name+" "+path)
		}
		for _, c := range r.Resource {
			walk(path, c)
		}
	}
	for _, r := range d.Resources.Resource {
		walk("", r)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestCapabilitiesAreTheRoutes: the Capabilities Description (PS3.18 8.9) names exactly what the router serves, in XML and in JSON.
func TestCapabilitiesAreTheRoutes(t *testing.T) {
	s := serve(t)
	routes := s.served()
	for _, accept := range []string{"", mediaWADL, jsonWADL, "*/*", "text/xml, application/*;q=0.1"} {
		w := s.do(http.MethodOptions, "", nil, "Accept: "+accept, "Authorization: nobody")
		text := s.want(w, http.StatusOK)
		var d wadl
		if w.Header().Get("Content-Type") == jsonWADL {
			err := json.Unmarshal([]byte(text), &struct{ Application *wadl }{&d})
			if err != nil {
				t.Fatal(err)
			}
		} else if err := xml.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if want := "http://pacs.test/dicom-web"; d.Resources.Base != want {
			t.Errorf("base %s, want %s", d.Resources.Base, want)
		}
		if d := cmp.Diff(routes, described(&d)); d != "" {
			t.Errorf("Accept %q (-routes +description):\n%s", accept, d)
		}
	}
	s.want(s.do(http.MethodOptions, "/", nil, "Accept: text/html"), http.StatusNotAcceptable)
	part := s.want(s.do(http.MethodOptions, "/studies/1.2.3", nil, "Accept: "+mediaWADL), http.StatusOK)
	if strings.Contains(part, "SearchForSeries\"") || !strings.Contains(part, `id="RetrieveStudy"`) || !strings.Contains(part, `id="RetrieveFrames"`) {
		t.Error(part)
	}
	plain := s.do(http.MethodOptions, "/studies/1.2.3", nil, "Accept: */*")
	if s.want(plain, http.StatusNoContent); !strings.Contains(plain.Header().Get("Allow"), "POST") {
		t.Error(plain.Header())
	}
}

// served gives "METHOD /path" of every route that does more than refuse or tell what is allowed.
func (s *server) served() (all []string) {
	for _, r := range s.h.(*echo.Echo).Routes() {
		path, ours := strings.CutPrefix(r.Path, "/dicom-web")
		root := strings.Trim(path, "/") == ""
		switch {
		case !ours || strings.HasPrefix(path, "/facilities/") || r.Method == http.MethodHead || r.Method == echo.RouteNotFound:
		case r.Method == http.MethodOptions && !root:
		case s.answers405(r.Method, path):
		case root:
			all = append(all, r.Method+" /")
		default:
			all = append(all, r.Method+" "+Transaction{Path: path}.PathTemplate())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *server) answers405(method, path string) bool {
	fill := strings.NewReplacer(":frames", "1", "*", "x")
	parts := strings.Split(fill.Replace(path), "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = "1.2"
		}
	}
	return s.do(method, strings.Join(parts, "/"), nil).Code == http.StatusMethodNotAllowed
}
