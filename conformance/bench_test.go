package conformance

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// BenchmarkCStore sends objects to a gateway in this process, over 4
// associations. The CPU figure holds both sides; use it with -cpuprofile to see where the time goes, and
// ../shared/bench for figures to quote.
func BenchmarkCStore(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
		dup  bool
	}{{"SR", 4 << 10, false}, {"CT", 512 << 10, false}, {"CT-duplicate", 512 << 10, true}, {"CR", 10 << 20, false}} {
		b.Run(c.name, func(b *testing.B) { benchmarkCStore(b, c.size, c.dup) })
	}
}

func benchmarkCStore(b *testing.B, size int, dup bool) {
	g := serve(b, onLoopback(b.TempDir()))
	var next atomic.Int64
	send := func(a *dimse.Association, objects []object) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= b.N {
				return nil
			}
			o := &objects[i%len(objects)]
			data := o.data
			if !dup { // another SOP Instance UID and other pixels, in place
				data = bytes.Clone(data)
				copy(data[bytes.Index(data, []byte(o.sop)):], fmt.Sprintf("2.25.9%08d", i))
				copy(data[len(data)-9:], fmt.Sprintf("%08d", i))
			}
			sop := o.sop
			if !dup {
				sop = dicom.UID(fmt.Sprintf("2.25.9%08d", i)) + o.sop[len("2.25.900000000"):]
			}
			resp, err := a.Store(context.Background(), ctImageStorage, sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(data))
			if err != nil || resp.Status != dimse.Success {
				return fmt.Errorf("%v %w", resp, err)
			}
		}
	}
	objects := make([]object, 8)
	for i := range objects {
		objects[i] = newObject(1, 100000+i, size, "BENCH")
	}
	before := cpu(b)
	b.SetBytes(int64(size))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			a, err := dimse.Dial(context.Background(), g.DICOM, dimse.Options{CallingAE: "BENCH", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
				AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
			}}})
			if err != nil {
				b.Error(err)
				return
			}
			if err := send(a, objects); err != nil {
				b.Error(err)
			}
			if err := a.Release(); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric((cpu(b)-before)/float64(b.N)*1e3, "cpu-ms/op")
	if err := g.stop(); err != nil {
		b.Fatal(err)
	}
}

// cpu gives the seconds of processor time this process has used.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
