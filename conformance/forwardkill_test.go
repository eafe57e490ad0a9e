package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage"
)

// freeAddress gives an address of loopback that nobody listens on.
func freeAddress(t testing.TB) string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }

// forwardConfig writes a configuration that forwards everything to an Application Entity and, with a URL, to a DICOMweb service;
// more are further keys of both.
func forwardConfig(t testing.TB, dicom, url string, more ...string) string {
	t.Helper()
	keys := strings.Join(append(more, "retry_first: 50ms", "retry_most: 500ms"), ", ")
	text := "dicom:\n  destinations: [{ae: FAR, address: \"" + dicom + "\", async_operations: 8}]\n" +
		"forward:\n  destinations:\n    - {name: far, ae: FAR, " + keys + "}\n"
	to := "far"
	if url != "" {
		text += "    - {name: stow, url: \"" + url + "\", " + keys + "}\n"
		to = "far, stow"
	}
	text += "  rules: [{to: [" + to + "]}]\n"
	name := filepath.Join(t.TempDir(), "halong.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestForwardKill kills the gateway again and again while it forwards 600 objects to another one, which is killed too: every
// object arrives, by C-STORE and by STOW-RS, with the same bytes, and the ledger adds up.
func TestForwardKill(t *testing.T) {
	const objects, perStudy = 600, 100
	farData, nearData := t.TempDir(), t.TempDir()
	farDICOM, farHTTP := freeAddress(t), freeAddress(t)
	args := []string{"--config", forwardConfig(t, farDICOM, "http://"+farHTTP+"/dicom-web", "bandwidth: 6MiB")}
	near := start(t, nearData, args...)

	var all []object
	for study := range objects / perStudy {
		all = append(all, series(9100+study, perStudy)...)
	}
	storeAll(t, near.DICOM, all) // nobody is there yet to take them
	far := start(t, farData, "--dicom", farDICOM, "--http", farHTTP)
	sent := func() (n int64) {
		for _, d := range forwardReport(t, near.HTTP).Destinations {
			n += d.Done
		}
		return n
	}
	lives := 0
	for ; lives < 20 && sent() < 2*objects*9/10; lives++ {
		at := sent()
		if lives%4 == 3 { // else nothing may come through
			eventually(t, "something more is sent", func() bool { return sent() >= min(at+100, 2*objects) })
		}
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		if lives%3 == 1 {
			far.kill(t)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
			far = start(t, farData, "--dicom", farDICOM, "--http", farHTTP)
		}
		near.kill(t)
		near = start(t, nearData, args...)
	}
	for _, name := range []string{"far", "stow"} {
		eventually(t, name+" has all", func() bool { return account(t, near.HTTP, name).Done == objects })
	}
	if lives < 2 {
		t.Error("it was over before anything was killed")
	}
	t.Logf("killed %d times", lives)
	for i := range all {
		checkObject(t, far.HTTP, &all[i])
	}
	status := run(t, "forward", "status", "--url", near.HTTP)
	t.Log("\n" + status)
	if !strings.Contains(status, "far") || strings.Contains(status, "Held") {
		t.Error(status)
	}
	near.stop(t)
	far.stop(t)
}

// TestForwardReindex: an index that was made again has no ledger, so nothing is sent until an operator decides.
func TestForwardReindex(t *testing.T) {
	farData, data := t.TempDir(), t.TempDir()
	far := start(t, farData)
	args := []string{"--config", forwardConfig(t, far.DICOM, "")}
	near := start(t, data, args...)
	first := series(9201, 5)
	storeAll(t, near.DICOM, first)
	eventually(t, "all are sent", func() bool { return account(t, near.HTTP, "far").Done == 5 })
	near.stop(t)

	run(t, "reindex", "--data", data)
	near = start(t, data, args...)
	more := series(9202, 3)
	storeAll(t, near.DICOM, more)
	if r := forwardReport(t, near.HTTP); r.Held == "" || account(t, near.HTTP, "far").Entered != 0 {
		t.Errorf("%+v", r)
	}
	if out := run(t, "forward", "status", "--url", near.HTTP); !strings.Contains(out, "Held: ") {
		t.Error(out)
	}
	run(t, "forward", "resume", "--from", "now", "--url", near.HTTP)
	last := series(9203, 2)
	storeAll(t, near.DICOM, last)
	eventually(t, "what came since is sent", func() bool { return account(t, near.HTTP, "far").Done == 2 })
	if d := account(t, near.HTTP, "far"); d.Entered != 2 {
		t.Errorf("%+v", d)
	}
	near.stop(t)

	run(t, "reindex", "--data", data)
	near = start(t, data, args...)
	run(t, "forward", "resume", "--replay", "--url", near.HTTP)
	eventually(t, "everything is sent again", func() bool { return account(t, near.HTTP, "far").Done == 10 })
	for _, o := range slices.Concat(first, more, last) {
		checkObject(t, far.HTTP, &o)
	}
	if out := run(t, "forward", "list", "--json", "--state", "done", "--study", string(last[0].study), "--url", near.HTTP); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
	if out := run(t, "forward", "replay", "--study", string(first[0].study), "--url", near.HTTP); !strings.HasPrefix(out, "5 entries") {
		t.Error(out)
	}
	near.stop(t)
	far.stop(t)
}

// TestForwardDCMTK: DCMTK's storescp takes what is forwarded, is killed, and comes back.
func TestForwardDCMTK(t *testing.T) {
	needTool(t, "storescp")
	addr, folder := freeAddress(t), t.TempDir()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	launch := func() (kill func()) {
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, "storescp", "-aet", "FAR", "-od", folder, "+B", port)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill = func() {
			cancel()
			_ = cmd.Wait() // killed
		}
		t.Cleanup(kill)
		return kill
	}
	kill := launch()
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: "FAR", Address: addr}}
	forwardTo(c, config.ForwardDestination{Name: "far", AE: "FAR"})
	near := serve(t, c)
	objects := series(9301, 500)
	storeAll(t, near.DICOM, objects)
	eventually(t, "some are sent", func() bool { return account(t, near.URL, "far").Done > 50 })
	kill()
	kill = launch()
	eventually(t, "all are sent", func() bool { return account(t, near.URL, "far").Done == 500 })
	kill()
	for i := range objects {
		checkStored(t, folder, &objects[i])
	}
	if d := account(t, near.URL, "far"); d.Entered != 500 {
		t.Errorf("%+v", d)
	}
}

// checkStored looks for an object among the files of storescp +B, which writes data sets as they come.
func checkStored(t testing.TB, folder string, o *object) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*"+string(o.sop)))
	if err != nil || len(names) == 0 {
		t.Errorf("%s did not arrive (%v)", o.sop, err)
		return
	}
	b, err := os.ReadFile(names[0])
	if err != nil || !strings.HasSuffix(string(b), string(o.data)) {
		t.Errorf("%s: other bytes (%v)", o.sop, err)
	}
}

// TestForwardDeleted: what was deleted before it could be sent ends as gone, and is sent once it is restored.
func TestForwardDeleted(t *testing.T) {
	data, addr := t.TempDir(), freeAddress(t)
	args := []string{"--config", forwardConfig(t, addr, "")}
	near := start(t, data, args...)
	objects := series(9401, 6)
	storeAll(t, near.DICOM, objects)
	eventually(t, "the destination is missed", func() bool { return account(t, near.HTTP, "far").Unreachable != "" })
	near.stop(t)
	run(t, "delete", "--data", data, "--instance", string(objects[0].sop), "--study", string(objects[0].study), "--reason", "test")
	far := start(t, t.TempDir(), "--dicom", addr)
	near = start(t, data, args...)
	eventually(t, "the rest is sent", func() bool {
		d := account(t, near.HTTP, "far")
		return d.Done == 5 && d.Gone == 1 && forwardReport(t, near.HTTP).Behind == 0
	})
	if d := account(t, near.HTTP, "far"); d.Entered != 6 {
		t.Errorf("%+v", d)
	}
	var e app.ForwardEntry
	if out := run(t, "forward", "list", "--json", "--state", "gone", "--url", near.HTTP); json.Unmarshal([]byte(out), &e) != nil || e.Instance != objects[0].sop || e.Reason == "" {
		t.Error(out)
	}
	_, metrics := get(t, near.HTTP+"/metrics", "")
	for _, line := range []string{
		`halong_forward_entered_total{destination="far"} 6`, `halong_forward_queued{destination="far"} 0`, `halong_forward_dead{destination="far"} 0`,
		`halong_forward_entries{destination="far",state="gone"} 1`, `halong_forward_sent_total{destination="far"} 5`,
		`halong_forward_oldest_seconds{destination="far"} 0`, "halong_forward_held 0", "halong_forward_events_behind 0",
	} {
		if !strings.Contains(string(metrics), "\n"+line+"\n") {
			t.Errorf("no metric %s", line)
		}
	}
	if t.Failed() {
		t.Logf("%.20000s", metrics)
	}
	near.stop(t)
	var removal storage.Removal
	if out := run(t, "delete", "--list", "--json", "--data", data); json.Unmarshal([]byte(out), &removal) != nil || removal.SOP != objects[0].sop || removal.Hidden != 1 {
		t.Error(out)
	}
	run(t, "delete", "--data", data, "--number", fmt.Sprint(removal.ID), "--restore")
	near = start(t, data, args...)
	eventually(t, "what was restored is sent", func() bool { return account(t, near.HTTP, "far").Done == 6 })
	near.stop(t)
	far.stop(t)
}
