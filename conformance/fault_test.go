package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
)

// outcomes are what the three ways in answered.
type outcomes struct {
	Store    dimse.Status // C-STORE
	STOW     int          // HTTP status
	Original string       // MSA-1 in original mode
	Enhanced string       // and in enhanced mode
}

var allGood = outcomes{dimse.Success, http.StatusOK, "AA", "CA"}

// cstore sends an object over an Association of its own and gives the status of the answer.
func cstore(t testing.TB, addr string, o *object) dimse.Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := dimse.Dial(ctx, addr, dimse.Options{CallingAE: "FAULT", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Abort()
	resp, err := a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data))
	var status *dimse.StatusError
	if errors.As(err, &status) {
		return status.Status
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Release(); err != nil { // the association is still in step
		t.Error(err)
	}
	return resp.Status
}

// stow sends an object by STOW-RS and gives the HTTP status.
func stow(t testing.TB, base string, o *object) int {
	t.Helper()
	contentType, body := stowBody(t, o.part10())
	req, err := http.NewRequest(http.MethodPost, base+"/dicom-web/studies", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/dicom+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// send sends a message and gives MSA-1 of the first answer.
func send(t testing.TB, addr string, message []byte) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := mllp.Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Send(ctx, message)
	if err != nil {
		t.Fatal(err)
	}
	_, msa, _ := strings.Cut(string(answer), "\rMSA|")
	code, _, _ := strings.Cut(msa, "|")
	return code
}

// original makes a message in original mode of one that asks for enhanced mode.
func original(message []byte) []byte {
	return bytes.Replace(message, []byte("|||AL|NE||"), []byte("|||||"), 1)
}

// load is what one round of a test sends: objects by C-STORE and STOW-RS, messages in both modes.
type load struct {
	stored, stowed []object
	messages       [2]int // numbers
}

// newLoad makes small and large objects: pixels in the head, in a segment, in a file of their own.
func newLoad(round int) (l load) {
	for i, size := range []int{2 << 10, 60 << 10, 1500 << 10} {
		l.stored = append(l.stored, newObject(830+2*round, i+1, size, "FAULT"))
		l.stowed = append(l.stowed, newObject(831+2*round, i+1, size, "FAULT"))
	}
	l.messages = [2]int{83000 + 2*round, 83001 + 2*round}
	return l
}

// send sends everything and gives the answers, by size.
func (l *load) send(t testing.TB, g *gateway) (got []outcomes) {
	t.Helper()
	for i := range l.stored {
		got = append(got, outcomes{
			cstore(t, g.DICOM, &l.stored[i]), stow(t, "http://"+g.HTTP, &l.stowed[i]),
			send(t, g.HL7, original(oru(l.messages[0]))), send(t, g.HL7, oru(l.messages[1])),
		})
	}
	return got
}

// check looks for everything.
func (l *load) check(t testing.TB, g *gateway) {
	t.Helper()
	for i := range l.stored {
		checkObject(t, "http://"+g.HTTP, &l.stored[i])
		checkObject(t, "http://"+g.HTTP, &l.stowed[i])
	}
	for _, n := range l.messages {
		checkMessage(t, "http://"+g.HTTP, n)
	}
}

func (l *load) want(t testing.TB, got []outcomes, want outcomes) {
	t.Helper()
	for i, o := range got {
		if o != want {
			t.Errorf("%d bytes: %+v, want %+v", len(l.stored[i].data), o, want)
		}
	}
}

// A full disk and failing syncs are answered so that every sender tries again, nothing acknowledged is lost,
// and when the disk works again so does the gateway, without a restart (N19).
func TestDiskFaults(t *testing.T) {
	full := outcomes{dimse.OutOfResources, http.StatusInsufficientStorage, "AR", "CE"}
	broken := outcomes{dimse.OutOfResources, http.StatusServiceUnavailable, "AR", "CE"}
	for _, c := range []struct {
		name string
		want outcomes
		fail func(disktest.Op) error
	}{
		{"full", full, func(op disktest.Op) error {
			switch op.Kind {
			case disktest.Write, disktest.Create, disktest.Mkdir:
				return syscall.ENOSPC
			}
			return nil
		}},
		{"fdatasync fails", broken, func(op disktest.Op) error {
			if op.Kind == disktest.Sync {
				return syscall.EIO
			}
			return nil
		}},
		{"writes fail", broken, func(op disktest.Op) error {
			if op.Kind == disktest.Write {
				return syscall.EIO
			}
			return nil
		}},
		{"read-only", broken, func(op disktest.Op) error {
			switch op.Kind {
			case disktest.Write, disktest.Create, disktest.Mkdir, disktest.Sync, disktest.SyncDir, disktest.Rename, disktest.Remove:
				return syscall.EROFS
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var armed atomic.Bool
			dir := t.TempDir()
			g := serve(t, onLoopback(dir), app.Parts{Disk: disk.Options{FS: disktest.Hook(disk.OS(), func(op disktest.Op) error {
				if armed.Load() {
					return c.fail(op)
				}
				return nil
			})}})
			before, during := newLoad(0), newLoad(1)
			before.want(t, before.send(t, g), allGood)
			armed.Store(true)
			for range 2 {
				during.want(t, during.send(t, g), c.want)
			}
			before.check(t, g)
			armed.Store(false)
			recovers(t, g)
			during.want(t, during.send(t, g), allGood)
			before.check(t, g)
			during.check(t, g)
			if err := g.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			g = serve(t, onLoopback(dir))
			before.check(t, g)
			during.check(t, g)
			if err := g.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			soundAfterReindex(t, dir)
		})
	}
}

// recovers waits until objects are taken again; the space set aside for decisions comes first.
func recovers(t testing.TB, g *gateway) {
	t.Helper()
	probe := newObject(839, 1, 60<<10, "PROBE")
	for deadline := time.Now().Add(time.Minute); cstore(t, g.DICOM, &probe) != dimse.Success; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is taken 10 s after the disk works again")
		}
	}
}

// soundAfterReindex verifies a data folder, makes its index again and compares.
func soundAfterReindex(t testing.TB, dir string) {
	t.Helper()
	sound := func() string {
		d := openData(t, dir)
		defer closeData(t, d)
		if r, err := d.Verify(context.Background(), nil); err != nil || len(r.Damage) > 0 {
			t.Errorf("verify: %v %v", r.Damage, err)
		}
		return fmt.Sprint(rows(t, d))
	}
	before := sound()
	if done, err := app.Reindex(context.Background(), onLoopback(dir), quiet()); err != nil || done.Lost > 0 {
		t.Errorf("reindex: %+v, %v", done, err)
	}
	if sound() != before {
		t.Error("other answers after reindexing")
	}
}
