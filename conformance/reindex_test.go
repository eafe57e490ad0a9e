package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/corpus"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/storage"
)

// A deleted index is made again from the store, and every answer is the same,
// byte for byte: after versions, duplicates, deletes, quarantine and corrected results.
func TestReindexGivesTheSameAnswers(t *testing.T) {
	dir := t.TempDir()
	d := openData(t, dir)
	importAll(t, d, corpus.Dir(t, "dicom"))
	deleteSome(t, d)
	closeData(t, d)

	g := serve(t, onLoopback(dir))
	p := sample.New(sample.Options{Seed: t.Name(), Slices: 4})
	for range 2 { // the second time all are duplicates
		if err := app.SendSample(context.Background(), g.Addresses, "HALONG", p, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	for n, patient := range []string{"ONE", "TWO", "ONE"} {
		o := newObject(700, 1, 30_000+2*(n/2), patient) // three versions
		if !storeOne(g.DICOM, &o) {
			t.Fatal("not stored")
		}
	}
	before := answers(t, g, p.ID())
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	quarantine := quarantineOf(t, dir)
	if err := os.RemoveAll(filepath.Join(dir, "index")); err != nil {
		t.Fatal(err)
	}
	done, err := app.Reindex(context.Background(), onLoopback(dir), quiet())
	if err != nil || done.Lost > 0 || done.Records == 0 {
		t.Fatalf("reindex: %+v, %v", done, err)
	}
	t.Logf("%d records, %d answers", done.Records, len(before))
	g = serve(t, onLoopback(dir))
	compare(t, before, answers(t, g, p.ID()))
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(quarantine, quarantineOf(t, dir)); d != "" {
		t.Error(d)
	}
	d = openData(t, dir)
	defer closeData(t, d)
	if r, err := d.Verify(context.Background(), nil); err != nil || len(r.Damage) > 0 {
		t.Errorf("verify: %v %v", r.Damage, err)
	}
}

// deleteSome deletes a study, a series and an instance.
func deleteSome(t *testing.T, d *app.Data) {
	t.Helper()
	var all []storage.Identity
	for in, err := range d.Archive.Instances(context.Background(), halong.Everything(), storage.Ref{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, in.Identity)
	}
	for i, ref := range []storage.Ref{
		{Study: all[0].Study},
		{Study: all[len(all)/2].Study, Series: all[len(all)/2].Series},
		{Study: all[len(all)-1].Study, Series: all[len(all)-1].Series, SOP: all[len(all)-1].SOP},
	} {
		by := halong.Source{Protocol: "command"}
		made, err := d.Archive.Delete(context.Background(), storage.Deletion{Scope: halong.Everything(), Ref: ref, Reason: "test", By: by})
		if err != nil || len(made) != 1 {
			t.Fatalf("delete %+v: %+v, %v", ref, made, err)
		}
		if i == 0 { // the others stay hidden
			if _, err := d.Archive.Purge(context.Background(), halong.Everything(), made[0].ID, by); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// quarantineOf lists the quarantine of a data folder.
func quarantineOf(t *testing.T, dir string) (out []storage.QuarantineEntry) {
	t.Helper()
	d := openData(t, dir)
	defer closeData(t, d)
	for e, err := range d.Archive.QuarantineList(context.Background(), halong.Everything()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, *e)
	}
	if len(out) == 0 {
		t.Error("nothing is in quarantine")
	}
	return out
}

// answers collects what the gateway says about everything it holds.
func answers(t *testing.T, g *gateway, patient string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	ask := func(path string) []byte {
		status, body := g.ask(t, path, "application/dicom+json")
		if status != http.StatusOK && status != http.StatusNoContent {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
		out[path] = body
		return body
	}
	const web = "/dicom-web"
	for _, q := range []string{"?includefield=all", "?PatientName=nguyen*", "?ModalitiesInStudy=CT&fuzzymatching=true", "?StudyDate=20000101-20101231"} {
		ask(web + "/studies" + q)
	}
	ask(web + "/instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.88.11")
	for _, study := range uids(t, ask(web+"/studies"), "0020000D") {
		ask(fmt.Sprintf("%s/studies/%s/series", web, study))
		ask(fmt.Sprintf("%s/studies/%s/instances", web, study))
		ask(fmt.Sprintf("%s/studies/%s/metadata", web, study))
	}
	ask("/api/patients/" + patient + "/results?history=true")
	ask("/api/results/unassigned")
	return out
}

// uids takes the values of a UI attribute out of an answer in DICOM JSON.
func uids(t *testing.T, body []byte, tag string) (out []dicom.UID) {
	t.Helper()
	var rows []map[string]struct{ Value []any }
	if err := json.Unmarshal(body, &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for _, v := range r[tag].Value {
			out = append(out, dicom.UID(fmt.Sprint(v)))
		}
	}
	return out
}

func compare(t *testing.T, before, after map[string][]byte) {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("%d answers before, %d after", len(before), len(after))
	}
	for path, want := range before {
		got := after[path]
		if bytes.Equal(got, want) {
			continue
		}
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		from := max(0, at-80)
		t.Errorf("%s differs at %d:\n%.240s\nwas\n%.240s", path, at, got[from:], want[from:])
	}
}

// What damage in the journal took away is told, and everything else is there again.
func TestReindexTellsDamage(t *testing.T) {
	dir := t.TempDir()
	d := openData(t, dir)
	var all []object
	for n := range 5 {
		all = append(all, newObject(701, n+1, 1000, "A"))
		put(t, d, &all[n])
	}
	closeData(t, d)
	flip(t, filepath.Join(dir, "store/journal/00000001.seg"), []byte(all[2].sop))
	done, err := app.Reindex(context.Background(), onLoopback(dir), quiet())
	if want := (app.Reindexed{Records: 4, Damaged: 1}); err != nil || done != want {
		t.Errorf("reindex: %+v, %v, want %+v", done, err, want)
	}
	d = openData(t, dir)
	defer closeData(t, d)
	for i := range all {
		b, err := fetch(d, &all[i])
		if gone := i == 2; err != nil || bytes.Equal(b, all[i].data) == gone {
			t.Errorf("object %d: %d bytes, error %v", i, len(b), err)
		}
	}
}

// flip changes one bit of the first place in a file that holds some bytes.
func flip(t testing.TB, name string, at []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, at)
	if i < 0 {
		t.Fatalf("%s does not hold %q", name, at)
	}
	b[i] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
