package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// patience is how long a test waits for what must happen.
const patience = 3 * time.Minute

// eventually waits until what tells true.
func eventually(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not after %v: %s", patience, what)
		}
	}
}

// forwardReport asks a gateway how forwarding fares.
func forwardReport(t testing.TB, base string) (r app.ForwardReport) {
	t.Helper()
	status, body := get(t, base+"/api/forward", "")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, body)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// account gives one destination, after checking that everything that entered is somewhere.
func account(t testing.TB, base, name string) app.ForwardDestination {
	t.Helper()
	r := forwardReport(t, base)
	for _, d := range r.Destinations {
		if sum := d.Done + d.Dead + d.Gone + d.Waiting + d.Sending + d.Committing; sum != d.Entered {
			t.Errorf("%s: %d entered, %d are somewhere: %+v", d.Name, d.Entered, sum, d)
		}
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no destination %s: %+v", name, r)
	return app.ForwardDestination{}
}

// orderForward sends an operator's order.
func orderForward(t testing.TB, base, path string, o app.ForwardOrder) (done app.ForwardDone) {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(base+"/api/forward/"+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", path, resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&done); err != nil {
		t.Fatal(err)
	}
	return done
}

// forwardTo configures one destination that gets everything.
func forwardTo(c *config.Config, d config.ForwardDestination) {
	if d.RetryFirst == 0 {
		d.RetryFirst, d.RetryMost = config.Duration(50*time.Millisecond), config.Duration(time.Second)
	}
	c.Forward.Destinations = append(c.Forward.Destinations, d)
	c.Forward.Rules = append(c.Forward.Rules, config.ForwardRule{To: []string{d.Name}})
}

// storeAll sends objects over one association.
func storeAll(t testing.TB, addr string, objects []object) {
	t.Helper()
	ctx := context.Background()
	a, err := dimse.Dial(ctx, addr, dimse.Options{CallingAE: "CT1", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range objects {
		if _, err := a.Store(ctx, ctImageStorage, objects[i].sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(objects[i].data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

// series makes n objects of a study.
func series(study, n int) []object {
	list := make([]object, n)
	for i := range list {
		list[i] = newObject(study, i+1, sizes[i%2], fmt.Sprintf("P%d", study))
	}
	return list
}

// TestForward: what is stored is sent on by C-STORE and by STOW-RS, and arrives with the same bytes.
func TestForward(t *testing.T) {
	far := serve(t, onLoopback(t.TempDir()))
	stow := serve(t, onLoopback(t.TempDir()))
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: far.DICOM}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR"})
	forwardTo(c, config.ForwardDestination{Name: "stow", URL: stow.URL + "/dicom-web"})
	near := serve(t, c)
	objects := series(9001, 40)
	storeAll(t, near.DICOM, objects)
	for _, name := range []string{"far", "stow"} {
		eventually(t, name+" has all", func() bool { return account(t, near.URL, name).Done == int64(len(objects)) })
	}
	for i := range objects {
		checkObject(t, far.URL, &objects[i])
		checkObject(t, stow.URL, &objects[i])
	}
	if d := account(t, near.URL, "far"); d.Entered != int64(len(objects)) {
		t.Errorf("%+v", d)
	}
}
