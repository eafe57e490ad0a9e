package intake

import (
	"net/http"
	"testing"
)

// HEAD is as GET, OPTIONS tells what there is, other methods are refused: also
// where identifiers hold a slash.
func TestMethods(t *testing.T) {
	w := newWorld(t)
	w.send("MSH|^~\\&|LIS|LAB|HIS|BV|20261121||ORU^R01|1|P|2.5\rPID|1||A/B\rOBR|1||F|GLU\rOBX|1|NM|GLU||5||||||F\r")
	for path, found := range map[string]int{"/patients/A%2FB/results": 200, "/patients/C/results": 404, "/results/unassigned": 200, "/messages/1": 200} {
		for _, p := range []string{path, "/facilities/default" + path} {
			for method, want := range map[string]int{"GET": found, "HEAD": found, "OPTIONS": 204, "POST": 405, "DELETE": 405, "PROPFIND": 405} {
				r := w.ask(method, p)
				if r.Code != want {
					t.Errorf("%s %s: %d, want %d", method, p, r.Code, want)
				}
				if c := r.Header().Get("Cache-Control"); want == http.StatusOK && c != "no-store" {
					t.Errorf("%s %s: may be cached: %q", method, p, c)
				}
				if allow := r.Header().Get("Allow"); want == http.StatusMethodNotAllowed && allow != "GET, HEAD, OPTIONS" {
					t.Errorf("%s %s: Allow is %q", method, p, allow)
				}
			}
		}
	}
}
