package conformance

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom/dimse"
)

// smallDisk names the folder on which the test's own process has mounted a small disk.
const smallDisk = "HALONG_SMALL_DISK"

// A disk that is really full, index and all: what comes is refused so that it is sent again, what was
// acknowledged is there, and with some room everything goes on. The disk is a tmpfs in a mount namespace
// of the process that this test starts itself again in (N19).
func TestRealFullDisk(t *testing.T) {
	if dir := os.Getenv(smallDisk); dir != "" {
		fillDisk(t, dir)
		return
	}
	needTool(t, "unshare")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inside := func(command string) *exec.Cmd {
		cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
			`mount -t tmpfs -o size=64m,mode=700 tmpfs "$1" && `+command, "sh", dir, self)
		cmd.Env = append(os.Environ(), smallDisk+"="+dir)
		return cmd
	}
	if out, err := inside("true").CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: %v %s", err, out)
	}
	out, err := inside(`exec "$2" -test.run='^TestRealFullDisk$' -test.v -test.timeout=4m`).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestRealFullDisk") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func fillDisk(t *testing.T, dir string) {
	data, ballast := filepath.Join(dir, "data"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 24<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	g := serve(t, onLoopback(data))
	var acked acknowledged
	fill := func(study, size int, store func(*object) bool) {
		for n := 1; n < 1000; n++ {
			o := newObject(study, n, size, "FULL")
			if !store(&o) {
				return
			}
			acked.object(o)
		}
		t.Fatal("the disk does not get full")
	}
	for i, size := range []int{1500 << 10, 60 << 10, 2 << 10} {
		fill(860+2*i, size, func(o *object) bool {
			s := cstore(t, g.DICOM, o)
			if s != dimse.Success && s != dimse.OutOfResources {
				t.Errorf("C-STORE on a full disk: %v", s)
			}
			return s == dimse.Success
		})
		fill(861+2*i, size, func(o *object) bool {
			s := stow(t, "http://"+g.HTTP, o)
			if s != http.StatusOK && s != http.StatusInsufficientStorage {
				t.Errorf("STOW-RS on a full disk: %d", s)
			}
			return s == http.StatusOK
		})
	}
	refused := false
	for n := 86000; n < 90000 && !refused; n++ {
		switch code := send(t, g.HL7, original(oru(n))); code {
		case "AA":
			acked.message(n)
		case "AR":
			refused = true
		default:
			t.Fatalf("ORU on a full disk: %s", code)
		}
	}
	if !refused {
		t.Error("no message was refused")
	}
	t.Logf("%d objects and %d messages until the disk was full", len(acked.objects), len(acked.messages))
	checkAll(t, g, &acked)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	recovers(t, g)
	for i := range 2 {
		l := newLoad(20 + i)
		l.want(t, l.send(t, g), allGood)
		l.check(t, g)
	}
	checkAll(t, g, &acked)
	if err := g.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	g = serve(t, onLoopback(data))
	checkAll(t, g, &acked)
	if err := g.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	d := openImpatient(t, data)
	defer closeData(t, d)
	if r, err := d.Verify(context.Background(), nil); err != nil || len(r.Damage) > 0 {
		t.Errorf("verify: %v %v", r.Damage, err)
	}
	for i := range acked.objects { // deleting gives the room back
		drop(t, d, &acked.objects[i])
	}
	if r := reclaim(t, d); r.Blobs == 0 || r.Segments == 0 {
		t.Errorf("%+v was given back", r)
	}
}

func checkAll(t *testing.T, g *gateway, acked *acknowledged) {
	t.Helper()
	for i := range acked.objects {
		checkObject(t, "http://"+g.HTTP, &acked.objects[i])
	}
	for _, n := range acked.messages {
		checkMessage(t, "http://"+g.HTTP, n)
	}
}
