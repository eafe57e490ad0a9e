package conformance

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// TestRestartAfter100000Instances fills an archive, kills the program while it
// stores more, and measures how long the next start takes to be ready. The bound is one of processor time, which a
// busy machine does not change.
func TestRestartAfter100000Instances(t *testing.T) {
	t.Parallel()
	const instances, perStudy = 100_000, 100
	data := t.TempDir()
	began := time.Now()
	fill(t, data, instances, perStudy)
	t.Logf("%d instances stored in %v", instances, time.Since(began).Round(time.Millisecond))

	p := start(t, data)
	t.Logf("ready after an orderly stop: %v", p.took.Round(time.Millisecond))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var acked acknowledged
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() { storeUntilCut(ctx, p.DICOM, 500_000+worker, &acked) })
	}
	eventually(t, "objects are acknowledged", func() bool { n, _ := acked.count(); return n > 0 })
	p.kill(t)
	wg.Wait()

	p = start(t, data)
	t.Logf("ready after kill -9: %v", p.took.Round(time.Millisecond))
	if used := cpuOf(t, p.cmd.Process.Pid); used > 2 {
		t.Errorf("%.2f s of processor time until ready, want at most 2", used)
	}
	for i := range acked.objects {
		checkObject(t, p.HTTP, &acked.objects[i])
	}
	status, body := get(t, p.HTTP+"/dicom-web/studies/2.25.7001000042/instances?limit=200", "application/dicom+json")
	if n := strings.Count(string(body), `"00080018"`); status != http.StatusOK || n != perStudy {
		t.Errorf("status %d, %d instances of a study of %d", status, n, perStudy)
	}
	p.stop(t)
}

// fill stores small objects straight into the archive.
func fill(t *testing.T, data string, instances, perStudy int) {
	t.Helper()
	fillWith(t, data, instances, func(i int) []byte {
		return newObject(i/perStudy, i%perStudy+1, 256, fmt.Sprintf("P%d", i/perStudy)).data
	})
}

// fillWith stores so many Data Sets straight into the archive, from many goroutines.
func fillWith(t *testing.T, data string, n int, object func(i int) []byte) {
	t.Helper()
	d := openData(t, data)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if _, err := d.Archive.Store(context.Background(), storage.Inbound{
					Facility: halong.DefaultFacility, Source: halong.Source{Protocol: "import"},
					TransferSyntax: dicom.ExplicitVRLittleEndian, Body: bytes.NewReader(object(i)),
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	closeData(t, d)
}
