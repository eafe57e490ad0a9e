package dicomweb

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// deleter notes what is asked of it.
type deleter struct {
	asked  []storage.Deletion
	purged []uint64
	none   bool // there is nothing to delete
	gone   bool // it was deleted before
}

func (d *deleter) Delete(_ context.Context, x storage.Deletion) ([]storage.Removal, error) {
	if d.none || d.gone {
		return nil, halong.E("test", halong.NotExist, "", nil)
	}
	d.asked = append(d.asked, x)
	return []storage.Removal{{ID: 7, Kind: storage.Deleted, State: storage.RemovalHides, Again: storage.AgainStored, Facility: "BV1", Study: x.Ref.Study}}, nil
}

func (d *deleter) Purge(_ context.Context, _ halong.Scope, id uint64, _ halong.Source) (*storage.Removal, error) {
	d.purged = append(d.purged, id)
	return &storage.Removal{ID: id, Kind: storage.Deleted, State: storage.RemovalPurged, Again: storage.AgainStored}, nil
}

func (d *deleter) WasDeleted(context.Context, halong.Scope, storage.Ref) (bool, error) {
	return d.gone, nil
}

// TestDeleteRequests: reasons from the body, header fields and query; what cannot be understood deletes nothing.
func TestDeleteRequests(t *testing.T) {
	long := strings.Repeat("ê", maxReason)
	for _, c := range []struct {
		name, path, body string
		headers          []string
		status           int
		code, reason     string
		purge            bool
	}{
		{"none", study1, "", nil, 200, "", "", false},
		{"query", study1 + "?code=113001&reason=m%E1%BB%9D&accept=application/json", "", nil, 200, "113001", "mờ", false},
		{"header fields before the query", series1 + "?code=113039&reason=a", "", []string{"Halong-Reason-Code: 113038", "Halong-Reason: m%E1%BB%9D"}, 200, "113038", "mờ", false},
		{"body before all", instance1 + "?code=113039", `{"code":"113037","reason":"` + long + `"}`, []string{"Halong-Reason: a"}, 200, "113037", long, false},
		{"at once", instance1, `{"purge":true}`, nil, 200, "", "", true},
		{"at once, by query", instance1 + "?purge=true", "", nil, 200, "", "", true},
		{"an unknown code", study1 + "?code=113000", "", nil, 400, "", "", false},
		{"two lines", study1 + "?reason=a%0Ab", "", nil, 400, "", "", false},
		{"too long", study1, `{"reason":"` + long + `x"}`, nil, 400, "", "", false},
		{"another member", study1, `{"force":true}`, nil, 400, "", "", false},
		{"no object", study1, `[]`, nil, 400, "", "", false},
		{"two objects", study1, `{}{}`, nil, 400, "", "", false},
		{"purge", study1 + "?purge=1", "", nil, 400, "", "", false},
		{"no UTF-8", study1, `{}`, []string{"Halong-Reason: %FF"}, 400, "", "", false},
		{"a form", study1, "code=113001", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "", "", false},
		{"too large", study1, `{"reason":"` + strings.Repeat("x", maxDeleteBody) + `"}`, nil, 413, "", "", false},
		{"not acceptable", study1, "", []string{"Accept: image/png"}, 406, "", "", false},
		{"malformed UID", "/studies/a%2Fb", "", nil, 400, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &deleter{}
			s := serve(t, func(x *Config) {
				x.Deletions, x.Rights = d, func(echo.Context) (bool, bool) { return true, true }
			})
			w := s.send(c.path, c.body, c.headers...)
			if w.Code != c.status {
				t.Fatalf("%d: %s", w.Code, w.Body)
			}
			if c.status != 200 {
				if len(d.asked) > 0 {
					t.Errorf("%+v was deleted", d.asked)
				}
				return
			}
			got := d.asked[0]
			if diff := cmp.Diff([]any{c.code, c.reason, c.purge}, []any{got.Code, got.Reason, len(d.purged) > 0}); diff != "" || got.Ref.Study != "1.2.3" {
				t.Errorf("%+v: %s", got.Ref, diff)
			}
			if w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Body.String(), `{"deleted":[{"id":7,"kind":"deletion"`) {
				t.Error(w.Body)
			}
		})
	}
}

// send sends a DELETE whose body is called JSON unless the headers say otherwise.
func (s *server) send(path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodDelete, "/dicom-web"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// TestDeleteStatus: who may not, what is not there, what is there no more.
func TestDeleteStatus(t *testing.T) {
	may := func(deletes, purges bool) func(echo.Context) (bool, bool) {
		return func(echo.Context) (bool, bool) { return deletes, purges }
	}
	for _, c := range []struct {
		name   string
		path   string
		change func(*Config, *deleter)
		want   [2]int // of DELETE and of GET of what is not there
	}{
		{"no right said", study1, func(c *Config, _ *deleter) {}, [2]int{403, 404}},
		{"no right", study1, func(c *Config, _ *deleter) { c.Rights = may(false, true) }, [2]int{403, 404}},
		{"no right to purge", study1 + "?purge=true", func(c *Config, _ *deleter) { c.Rights = may(true, false) }, [2]int{403, 404}},
		{"nothing", study1, func(c *Config, d *deleter) { c.Rights = may(true, false); d.none = true }, [2]int{404, 404}},
		{"deleted before", study1, func(c *Config, d *deleter) { c.Rights = may(true, false); d.gone = true }, [2]int{410, 410}},
		{"no reason", study1, func(c *Config, d *deleter) { c.Rights = may(true, false); c.NeedsReason = true }, [2]int{400, 404}},
		{"not served", study1, func(c *Config, d *deleter) { c.Deletions = nil }, [2]int{405, 404}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &deleter{}
			s := serve(t, func(x *Config) { x.Deletions = d; c.change(x, d) })
			got := [2]int{s.send(c.path, "").Code, s.get(c.path).Code}
			if got != c.want || len(d.asked) > 0 {
				t.Errorf("%v, want %v; %+v was deleted", got, c.want, d.asked)
			}
		})
	}
}
