package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/scu"
)

// The objects of TestMoveThroughput: as large as a CT's.
const (
	speedStudies  = 4
	speedPerStudy = 300
	speedSize     = 512 << 10
)

// TestMoveThroughput measures C-MOVE of Halong and of Debian's Orthanc in one run: the same objects to the same storescp, which throws them
// away; once with Orthanc and storescp as they are packaged, once with Nagle's algorithm off in both.
// It runs with HALONG_BENCH=1 (make bench-move), on a quiet machine. What it prints is the table of docs/performance.md.
func TestMoveThroughput(t *testing.T) {
	if os.Getenv("HALONG_BENCH") == "" {
		t.Skip("HALONG_BENCH is not set: this is a measurement")
	}
	files := speedFiles(t)
	t.Run("as packaged", func(t *testing.T) { compareMoves(t, files, "0", 3) })
	t.Run("TCP_NODELAY=1", func(t *testing.T) { compareMoves(t, files, "1", 1) })
}

// compareMoves fails when Halong moves fewer than least times as many objects a second as Orthanc.
func compareMoves(t *testing.T, files []string, nodelay string, least float64) {
	t.Setenv("TCP_NODELAY", nodelay) // read by DCMTK, in storescp and in Orthanc
	store := listening(t, "storescp", func(port string) []string { return []string{"--fork", "--ignore", "+xa", port} })
	o := startOrthanc(t)
	o.knows(t, "store", "STORE", store)
	c := filepath.Join(t.TempDir(), "halong.yaml")
	text := fmt.Sprintf("dicom:\n  destinations: [{ae: STORE, address: %q}]\n", store)
	if err := os.WriteFile(c, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, t.TempDir(), "--config", c)
	peers := []struct {
		name, ae, address string
		pid               int
	}{
		{"halong", "HALONG", p.DICOM, p.cmd.Process.Pid},
		{"orthanc", o.AE, o.DICOM, child(t, orthancProgram)},
	}
	for _, x := range peers {
		sum, err := scu.Send(t.Context(), scu.Target{Address: x.address, CallingAE: "BENCH", CalledAE: x.ae}, files, func(r scu.Result) {
			if r.Err != nil {
				t.Errorf("%s: %s: %v", x.name, r.Name, r.Err)
			}
		})
		if err != nil || sum.Sent != len(files) {
			t.Fatalf("%s: %+v, %v", x.name, sum, err)
		}
	}
	for _, movers := range []int{1, 4} {
		rate := map[string]float64{}
		for _, x := range peers { // all was just written, so both read from the page cache
			before := cpuOf(t, x.pid)
			took := moveAll(t, scu.Target{Address: x.address, CallingAE: "BENCH", CalledAE: x.ae}, movers)
			rate[x.name] = float64(len(files)) / took.Seconds()
			t.Logf("%-8s %d at once: %6.0f objects/s, %5.1f MB/s, %.2f CPU s per 1,000", x.name, movers, rate[x.name],
				rate[x.name]*speedSize/1e6, (cpuOf(t, x.pid)-before)/float64(len(files))*1e3)
		}
		ratio := rate["halong"] / rate["orthanc"]
		t.Logf("%d at once: %.1f times Orthanc's", movers, ratio)
		if ratio < least {
			t.Errorf("C-MOVE throughput is %.1f times Orthanc's, want at least %.0f", ratio, least)
		}
	}
}

// speedFiles writes the objects into a folder.
func speedFiles(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for study := range speedStudies {
		for i := range speedPerStudy {
			o := newObject(900_000+study, i+1, speedSize, fmt.Sprintf("P%d", study))
			name := filepath.Join(dir, fmt.Sprintf("%d-%04d.dcm", study, i))
			if err := os.WriteFile(name, o.part10(), 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	return files
}

// moveAll moves all studies to STORE, so many at once, and tells how long it took.
func moveAll(t *testing.T, target scu.Target, movers int) time.Duration {
	t.Helper()
	studies := make(chan int, speedStudies)
	for i := range speedStudies {
		studies <- i
	}
	close(studies)
	began := time.Now()
	var wg sync.WaitGroup
	for range movers {
		wg.Go(func() {
			for i := range studies {
				keys := &dataset.Set{}
				keys.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("2.25.7001%06d", 900_000+i))
				r, err := scu.Move(t.Context(), target, scu.Query{Level: "STUDY", Keys: keys}, "STORE", nil)
				if err != nil || r.Completed != speedPerStudy {
					t.Errorf("%s: %+v, %v", target.CalledAE, r.Counts, err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// child finds the process that this one started from a program.
func child(t *testing.T, program string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		f := procStat(name)
		exe, _ := os.Readlink(filepath.Join(filepath.Dir(name), "exe")) // gone meanwhile, or somebody else's
		if len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) && exe == program {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			return pid
		}
	}
	t.Fatalf("no child process runs %s", program)
	return 0
}

// procStat gives the fields of /proc/PID/stat after the name: the state, the parent and so on; none when the process is gone.
func procStat(name string) []string {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
}

// cpuOf gives the seconds of processor time that a process has used.
func cpuOf(t testing.TB, pid int) float64 {
	t.Helper()
	f := procStat(fmt.Sprintf("/proc/%d/stat", pid))
	if len(f) < 13 {
		t.Fatalf("process %d is gone", pid)
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return float64(user+system) / 100 // USER_HZ
}
