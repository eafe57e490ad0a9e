package conformance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// TestForwardEdited: a destination's rules and its project change what is sent to it, not what is kept, nor what others get. Objects
// that get other UIDs are committed under those.
func TestForwardEdited(t *testing.T) {
	far, plain := serve(t, onLoopback(t.TempDir())), serve(t, onLoopback(t.TempDir()))
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := onLoopback(t.TempDir())
	c.Deidentify = []config.Project{{Project: "study1", KeyFile: key, BurnedIn: "warn"}}
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: far.DICOM}, {AE: "PLAIN", Address: plain.DICOM}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR", Deidentify: "study1", Commit: true})
	forwardTo(c, config.ForwardDestination{Name: "plain", AE: "PLAIN"})
	near := serve(t, c)
	objects := series(9601, 4)
	storeAll(t, near.DICOM, objects)
	for _, name := range []string{"far", "plain"} {
		eventually(t, name+" has all", func() bool { return account(t, near.URL, name).Done == 4 })
	}
	for i := range objects {
		checkObject(t, plain.URL, &objects[i])
		checkObject(t, near.URL, &objects[i])
	}
	status, body := get(t, far.URL+"/dicom-web/instances", "application/dicom+json")
	if status != http.StatusOK || strings.Count(string(body), `"00080018"`) != 4 || strings.Contains(string(body), "TRẦN") || strings.Contains(string(body), string(objects[0].study)) {
		t.Errorf("status %d: %s", status, body)
	}
}

// TestForwardCommitted: an entry is done when the destination has said that the object is safe there.
func TestForwardCommitted(t *testing.T) {
	fc, c := onLoopback(t.TempDir()), onLoopback(t.TempDir())
	fc.AE = "FAR"
	c.DICOM.Listen, fc.DICOM.Listen = freeAddress(t), freeAddress(t)
	fc.DICOM.Destinations = []config.Destination{{AE: "HALONG", Address: c.DICOM.Listen}}
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: fc.DICOM.Listen}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR", Commit: true})
	far, near := serve(t, fc), serve(t, c)
	objects := series(9701, 20)
	storeAll(t, near.DICOM, objects)
	eventually(t, "all are committed", func() bool { return account(t, near.URL, "far").Done == 20 })
	var metrics []byte
	eventually(t, "it is counted that something was asked for", func() bool {
		_, metrics = get(t, far.URL+"/metrics", "")
		return strings.Contains(string(metrics), `halong_storage_commitments_total{outcome="complete"}`)
	})
	if strings.Contains(string(metrics), `halong_storage_commitments_total{outcome="failures"}`) {
		t.Error("not everything was there")
	}
}

// TestForwardCircle: a gateway that sends to itself what a rule changes each time stops by itself, and says why.
func TestForwardCircle(t *testing.T) {
	c := onLoopback(t.TempDir())
	c.DICOM.Listen = freeAddress(t)
	c.DICOM.Destinations = []config.Destination{{AE: "SELF", Address: c.DICOM.Listen}}
	c.Coerce = []config.Coercion{{Name: "turn", Rules: []config.CoerceRule{{Actions: []config.CoerceAction{
		{Replace: "PatientID", Regex: "^(.)(.*)$", With: "$2$1"},
	}}}}}
	forwardTo(c, config.ForwardDestination{Name: "self", AE: "SELF", Coerce: []string{"turn"}})
	near := serve(t, c)
	storeAll(t, near.DICOM, series(9801, 1))
	eventually(t, "the circle is cut", func() bool {
		d := account(t, near.URL, "self")
		return d.Dead == 1 && d.Waiting+d.Sending == 0 // the last round is cut before what came of the one before is written down
	})
	if d := account(t, near.URL, "self"); d.Entered != d.Done+1 || d.Entered > 40 {
		t.Errorf("%+v", d)
	}
	_, body := get(t, near.URL+"/api/forward/entries?state=dead", "")
	if !strings.Contains(string(body), "circle") {
		t.Errorf("%s", body)
	}
}
