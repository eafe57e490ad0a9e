package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/storage/disk/disktest"
)

// pause is how long each sync and commit is held back, so that whoever does not wait for it is seen.
const pause = 30 * time.Millisecond

// slowLog notes when the index has committed: Committed is called after COMMIT.
type slowLog struct {
	storage.Log
	trace *disktest.Trace
}

// Committed implements storage.Log.
func (l slowLog) Committed() {
	time.Sleep(pause)
	l.trace.Say("index commit")
	l.Log.Committed()
}

const goldenSmallFirst = `create store/journal/N.seg
fsync folder store/journal
write store/journal/N.seg
fdatasync store/journal/N.seg
index commit
answer`

const goldenSegmentFirst = `create store/bulk/N.seg
fsync folder store/bulk
write store/bulk/N.seg
fdatasync store/bulk/N.seg | write store/journal/N.seg
fdatasync store/journal/N.seg
index commit
answer`

const goldenSegment = `write store/bulk/N.seg
fdatasync store/bulk/N.seg | write store/journal/N.seg
fdatasync store/journal/N.seg
index commit
answer`

const goldenLarge = `create store/tmp/N
write store/tmp/N
fdatasync store/tmp/N
mkdir store/blobs/X
fsync folder store/blobs
rename store/tmp/N to store/blobs/X/X
fsync folder store/blobs/X
write store/journal/N.seg
fdatasync store/journal/N.seg
index commit
answer`

// The whole path of one C-STORE: bytes written, synced, with the folder's entry of a new file, index
// committed, and only then the answer (N20).
func TestOrderOfOneStore(t *testing.T) {
	dir := t.TempDir()
	trace := disktest.NewTrace(disk.OS(), dir)
	fs := disktest.Hook(trace.FS, func(op disktest.Op) error {
		if op.Kind == disktest.Sync || op.Kind == disktest.SyncDir || op.Kind == disktest.Rename {
			time.Sleep(pause) // before it is noted, and done
		}
		return nil
	})
	g := serve(t, onLoopback(dir), app.Parts{
		Disk: disk.Options{FS: fs, NoDirect: true, Reserve: -1},
		Log:  func(l storage.Log) storage.Log { return slowLog{l, trace} },
	})
	ctx := context.Background()
	a := associate(t, g.DICOM)
	for i, c := range []struct {
		size int
		want string
	}{{2 << 10, goldenSmallFirst}, {60 << 10, goldenSegmentFirst}, {60 << 10, goldenSegment}, {1500 << 10, goldenLarge}} {
		o := newObject(840, i+1, c.size, "TRACE")
		trace.Take()
		if _, err := a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data)); err != nil {
			t.Fatal(err)
		}
		trace.Say("answer")
		if diff := cmp.Diff(c.want, normal(trace.Take())); diff != "" {
			t.Errorf("object %d (-want +got):\n%s", i+1, diff)
		}
	}
	o := newObject(840, 1, 2<<10, "TRACE")
	if _, err := a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data)); err != nil {
		t.Fatal(err)
	}
	if got := trace.Take(); got != "" {
		t.Errorf("a duplicate: %s", got)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
}

func associate(t testing.TB, addr string) *dimse.Association {
	t.Helper()
	a, err := dimse.Dial(context.Background(), addr, dimse.Options{CallingAE: "TRACE", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var (
	numbers = regexp.MustCompile(`(tmp/|journal/|bulk/)\d+`)
	digests = regexp.MustCompile(`blobs/[0-9a-f]{2}(/[0-9a-f]{64})?`)
	extents = regexp.MustCompile(` \d+\+\d+$`)
)

// normal drops what differs from run to run: numbers, digests, extents; writes to one file become one; and
// the two things that are done at the same time stand on one line.
func normal(trace string) string {
	var out []string
	for _, l := range strings.Split(trace, "\n") {
		l = extents.ReplaceAllString(numbers.ReplaceAllString(l, "${1}N"), "")
		l = digests.ReplaceAllStringFunc(l, func(s string) string {
			if len(s) > 10 {
				return "blobs/X/X"
			}
			return "blobs/X"
		})
		if n := len(out); n == 0 || out[n-1] != l {
			out = append(out, l)
		}
	}
	const bulk, journal = "fdatasync store/bulk/N.seg", "write store/journal/N.seg"
	b, j := slices.Index(out, bulk), slices.Index(out, journal)
	if b >= 0 && j >= 0 && max(b, j) < slices.Index(out, "index commit") {
		out = slices.Delete(out, max(b, j), max(b, j)+1)
		out = slices.Delete(out, min(b, j), min(b, j)+1)
		out = slices.Insert(out, min(b, j), bulk+" | "+journal)
		if s := slices.Index(out, "fdatasync store/journal/N.seg"); s < min(b, j) {
			out = append(out, "the journal was synced before it was written")
		}
	}
	return strings.Join(out, "\n")
}

// What the kernel is asked to do, seen by strace: the index's write-ahead log too is synced before the
// answer is written to the socket (N20).
func TestSystemCallsOfOneStore(t *testing.T) {
	needTool(t, "strace")
	p := start(t, t.TempDir())
	a := associate(t, p.DICOM)
	first := newObject(841, 1, 60<<10, "TRACE")
	if _, err := a.Store(context.Background(), ctImageStorage, first.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(first.data)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", "-f", "-yy", "-qq", "-o", name, "-e", "trace=write,pwrite64,fsync,fdatasync", "-p", fmt.Sprint(p.cmd.Process.Pid))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	waitAttached(t, p.cmd.Process.Pid, ended, &said)
	o := newObject(841, 2, 60<<10, "TRACE")
	if _, err := a.Store(context.Background(), ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-ended // its exit code tells of the signal
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	checkCalls(t, string(b))
	a.Abort()
	p.stop(t)
}

// waitAttached waits until every thread of the process is traced.
func waitAttached(t *testing.T, pid int, ended chan error, said fmt.Stringer) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-ended:
			t.Skipf("strace may not attach here: %s", said)
		default:
		}
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		traced := 0
		for _, f := range files {
			if b, err := os.ReadFile(f); err == nil && !strings.Contains(string(b), "TracerPid:\t0\n") {
				traced++
			}
		}
		if traced > 0 && traced == len(files) {
			return
		}
		if time.Now().After(deadline) {
			t.Skip("strace did not attach within 20 s")
		}
	}
}

var (
	call    = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<(.*?)>[,)]?`)
	resumed = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
)

// checkCalls looks for the order in what strace wrote: writes count when they begin, syncs when they are done.
func checkCalls(t *testing.T, trace string) {
	t.Helper()
	var order []string
	syncing := map[string]string{}
	note := func(what, file string) {
		for _, k := range []struct{ part, name string }{
			{"/bulk/", "segment"}, {"/journal/", "journal"}, {"halong.db-wal", "index"}, {"TCP:", "socket"},
		} {
			if strings.Contains(file, k.part) {
				order = append(order, what+" "+k.name)
			}
		}
	}
	for _, l := range strings.Split(trace, "\n") {
		if m := resumed.FindStringSubmatch(l); m != nil {
			if f, ok := syncing[m[1]]; ok {
				note("synced", f)
				delete(syncing, m[1])
			}
			continue
		}
		m := call.FindStringSubmatch(l)
		switch {
		case m == nil:
		case !strings.HasSuffix(m[2], "sync"):
			note("write", m[3])
		case strings.Contains(l, "unfinished"):
			syncing[m[1]] = m[3]
		default:
			note("synced", m[3])
		}
	}
	at := func(s string) int { return slices.Index(order, s) }
	for _, pair := range [][2]string{
		{"write segment", "synced segment"},
		{"write journal", "synced journal"},
		{"synced segment", "synced index"},
		{"synced journal", "synced index"},
		{"write index", "synced index"},
		{"synced index", "write socket"},
	} {
		if x, y := at(pair[0]), at(pair[1]); x < 0 || y < 0 || x > y {
			t.Errorf("%q is not before %q in %q", pair[0], pair[1], order)
		}
	}
	if t.Failed() {
		t.Log(trace)
	}
}
