package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestLargeObjectsInBoundedMemory receives ten large objects at once: of 64 MB
// each, or of HALONG_BIG megabytes (make big: 1000).
func TestLargeObjectsInBoundedMemory(t *testing.T) {
	const objects, limit = 10, 200 // MB of resident memory
	megabytes := 64
	if v := os.Getenv("HALONG_BIG"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("HALONG_BIG: %v", err)
		}
		megabytes = n
	}
	data := t.TempDir()
	p := start(t, data)
	var wg sync.WaitGroup
	for i := range objects {
		wg.Go(func() {
			if err := sendLarge(p.DICOM, i, int64(megabytes)*1e6); err != nil {
				t.Errorf("object %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	peak := memoryOf(t, p.cmd.Process.Pid, "VmHWM:") / 1_000_000
	t.Logf("%d objects of %d MB at once: at most %d MB resident", objects, megabytes, peak)
	if peak > limit {
		t.Errorf("%d MB of resident memory, want at most %d", peak, limit)
	}
	status, body := get(t, p.HTTP+"/dicom-web/instances?PatientID=LARGE", "application/dicom+json")
	if n := strings.Count(string(body), `"00080018"`); status != http.StatusOK || n != objects {
		t.Errorf("status %d, %d instances", status, n)
	}
	p.stop(t)
}

// sendLarge sends one object with size bytes of pixels, made as they are sent.
func sendLarge(addr string, number int, size int64) error {
	o := newObject(900000+number, 1, 4, "LARGE")
	head := bytes.Clone(o.data[:len(o.data)-4])
	binary.LittleEndian.PutUint32(head[len(head)-4:], uint32(size))
	ctx := context.Background()
	a, err := dimse.Dial(ctx, addr, dimse.Options{CallingAE: "LARGE", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		return err
	}
	pixels := io.LimitReader(&noise{rand.NewPCG(7, uint64(number))}, size)
	resp, err := a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, io.MultiReader(bytes.NewReader(head), pixels))
	if err != nil {
		return err
	}
	if resp.Status != dimse.Success {
		return fmt.Errorf("status %04X", uint16(resp.Status))
	}
	return a.Release()
}

// noise is an endless stream that does not repeat.
type noise struct{ *rand.PCG }

func (n *noise) Read(p []byte) (int, error) {
	for i := 0; i < len(p); i += 8 {
		v := n.Uint64()
		for j := i; j < min(i+8, len(p)); j++ {
			p[j] = byte(v)
			v >>= 8
		}
	}
	return len(p), nil
}
