package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/transfer"
	"github.com/halong-gateway/halong/storage"
)

// prefixing are rules that put the hospital before Patient ID.
func prefixing(name, prefix string, receive bool) config.Coercion {
	return config.Coercion{Name: name, Receive: receive, Rules: []config.CoerceRule{{
		Match:   config.CoerceMatch{Attributes: config.Table{"PatientID": ".+"}},
		Actions: []config.CoerceAction{{Replace: "PatientID", Regex: "^", With: prefix}},
	}}}
}

// patientIDs asks by QIDO-RS which Patient IDs there are.
func patientIDs(t *testing.T, base string) map[string]int {
	t.Helper()
	status, body := get(t, base+"/dicom-web/instances?includefield=00100020", "application/dicom+json")
	out := map[string]int{}
	if status == http.StatusNoContent {
		return out
	}
	raw := []map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &raw); err != nil {
		t.Fatalf("%d: %v", status, err)
	}
	for _, r := range raw {
		var v struct{ Value []string }
		if err := json.Unmarshal(r["00100020"], &v); err != nil {
			t.Fatal(err)
		}
		out[strings.Join(v.Value, " ")]++
	}
	return out
}

// What storescu and STOW-RS send is changed by the rules; they are told so; what they sent can be given back; an index made again
// gives the same answers.
func TestCoercionOnReceive(t *testing.T) {
	needTool(t, "storescu")
	data := t.TempDir()
	c := onLoopback(data)
	c.Coerce = []config.Coercion{prefixing("in", "BV1-", true)}
	g := serve(t, c)
	dir := t.TempDir()
	var files []string
	objects := []object{newObject(9101, 1, 30_000, "P1"), newObject(9101, 2, 300, "P1"), newObject(9102, 1, 3_000_000, "P2")}
	for i := range objects {
		name := filepath.Join(dir, string(objects[i].sop)+".dcm")
		if err := os.WriteFile(name, objects[i].part10(), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	host, port, _ := net.SplitHostPort(g.DICOM)
	interop(t, peerDCMTK, "C-STORE with coercion", asSCP, "storescu; Warning B000, then again")
	for range 2 {
		said := tool(t, "storescu", append([]string{"-v", "-aec", "HALONG", host, port}, files...)...)
		if n := strings.Count(said, "Warning: CoercionOfDataElements"); n != len(files) {
			t.Errorf("%d warnings of %d\n%s", n, len(files), said)
		}
	}
	contentType, body := stowBody(t, objects[0].part10())
	resp, err := http.Post(g.URL+"/dicom-web/studies", contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()                                                                      // it was read
	if resp.StatusCode != http.StatusAccepted || !strings.Contains(answer.String(), "45056") { // B000
		t.Errorf("STOW-RS: %d %s", resp.StatusCode, answer.String())
	}
	if got := patientIDs(t, g.URL); got["BV1-P1"] != 2 || got["BV1-P2"] != 1 || len(got) != 2 {
		t.Error(got)
	}
	before := asked(t, g, objects)
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(data, "index")); err != nil {
		t.Fatal(err)
	}
	c.Coerce = []config.Coercion{prefixing("in", "ANOTHER-", true)} // does not change what is stored
	if done, err := app.Reindex(context.Background(), c, quiet()); err != nil || done.Lost > 0 {
		t.Fatal(done, err)
	}
	g = serve(t, c)
	compare(t, before, asked(t, g, objects))
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	checkAsReceived(t, data, objects)
}

// asked gives what a gateway answers about objects.
func asked(t *testing.T, g *gateway, objects []object) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	paths := []string{"/studies?includefield=all", "/series?includefield=all", "/instances?includefield=all"}
	for i := range objects {
		paths = append(paths, objects[i].path()+"/metadata", "/studies/"+string(objects[i].study)+"/metadata")
	}
	for _, path := range paths {
		status, b := g.ask(t, "/dicom-web"+path, "application/dicom+json")
		if status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
		out[path] = b
	}
	return out
}

// checkAsReceived exports what was received and compares it with what was sent.
func checkAsReceived(t *testing.T, data string, objects []object) {
	t.Helper()
	d := openData(t, data)
	defer closeData(t, d)
	out := t.TempDir()
	x := transfer.Export{Archive: d.Archive, Scope: halong.Everything(), Out: out, AsReceived: true}
	if n, err := x.Instances(context.Background(), storage.Ref{}); n != len(objects) || err != nil {
		t.Error(n, err)
	}
	all := hashesOfContents(t, out)
	for i := range objects {
		if !all[string(objects[i].data)] {
			t.Errorf("%s is not there as it was received", objects[i].sop)
		}
	}
	x.Out, x.AsReceived = t.TempDir(), false
	if n, err := x.Instances(context.Background(), storage.Ref{AllVersions: true}); n != 2*len(objects) || err != nil {
		t.Error(n, err)
	}
	r, err := d.Verify(context.Background(), nil)
	if err != nil || len(r.Damage) > 0 {
		t.Error(r.Damage, err)
	}
}

func hashesOfContents(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, name := range hashes(t, dir) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[string(b)] = true
	}
	return out
}

// What goes to a destination is changed on its way, by C-MOVE and by forwarding; what is stored is not.
func TestCoercionOnSend(t *testing.T) {
	forwarded, moved := serve(t, onLoopback(t.TempDir())), serve(t, onLoopback(t.TempDir()))
	c := onLoopback(t.TempDir())
	c.Coerce = []config.Coercion{prefixing("out", "X-", false)}
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: forwarded.DICOM}, {AE: "MOVED", Address: moved.DICOM, Coerce: []string{"out"}}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR", Coerce: []string{"out"}})
	near := serve(t, c)
	objects := series(9201, 6)
	storeAll(t, near.DICOM, objects)
	eventually(t, "everything was forwarded", func() bool { return account(t, near.URL, "far").Done == int64(len(objects)) })
	host, port, _ := net.SplitHostPort(near.DICOM)
	interop(t, peerDCMTK, "C-MOVE with coercion", asSCP, "movescu; other attributes at the destination")
	tool(t, "movescu", "-S", "-aec", "HALONG", "-aem", "MOVED", "-k", "0008,0052=STUDY", "-k", "0020,000D="+string(objects[0].study), host, port)
	for name, at := range map[string]*gateway{"forwarded": forwarded, "moved": moved} {
		if got := patientIDs(t, at.URL); got["X-P9201"] != len(objects) || len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := patientIDs(t, near.URL); got["P9201"] != len(objects) || len(got) != 1 {
		t.Error(got)
	}
	status, b := get(t, forwarded.URL+"/dicom-web"+objects[0].path(), `multipart/related; type="application/dicom"; transfer-syntax=*`)
	if status != http.StatusOK || !bytes.Contains(b, pixelsOf(t, objects[0].data)) {
		t.Errorf("status %d, or other pixels", status)
	}
}

// pixelsOf gives the value of Pixel Data.
func pixelsOf(t *testing.T, data []byte) []byte {
	t.Helper()
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.Parse(data, ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Get(tag.PixelData).Value
}
