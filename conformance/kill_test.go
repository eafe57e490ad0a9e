package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// acknowledged is what the gateway said yes to, over all lives of the process.
type acknowledged struct {
	mu       sync.Mutex
	objects  []object
	messages []int // number in Patient ID, control ID and value
}

func (a *acknowledged) object(o object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects = append(a.objects, o)
}

func (a *acknowledged) message(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.messages = append(a.messages, n)
}

func (a *acknowledged) count() (objects, messages int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.objects), len(a.messages)
}

// kills tells how often to kill: 5 times, or HALONG_KILLS.
func kills(t *testing.T) int {
	v := os.Getenv("HALONG_KILLS")
	if v == "" {
		return 5
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("HALONG_KILLS: %v", err)
	}
	return n
}

// TestKillLosesNothingAcknowledged kills the process again and again while
// objects come by C-STORE and STOW-RS and results by MLLP, and then looks for
// everything that was acknowledged, byte for byte (N20).
func TestKillLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var acked acknowledged
	for life := range kills(t) {
		p := start(t, data)
		objects, messages := acked.count()
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for worker := range 2 {
			wg.Go(func() { storeUntilCut(ctx, p.DICOM, 10*life+worker, &acked) })
			wg.Go(func() { stowUntilCut(ctx, t, p.HTTP, 10*life+worker+2, &acked) })
			wg.Go(func() { oruUntilCut(ctx, p.HL7, 10*life+worker, &acked) })
		}
		eventually(t, "objects and messages are acknowledged", func() bool { o, m := acked.count(); return o > objects && m > messages })
		time.Sleep(time.Duration(rand.IntN(600)) * time.Millisecond)
		p.kill(t)
		cancel()
		wg.Wait()
	}
	p := start(t, data)
	t.Logf("%d kills, %d objects and %d messages acknowledged", kills(t), len(acked.objects), len(acked.messages))
	if len(acked.objects) == 0 || len(acked.messages) == 0 {
		t.Fatal("nothing was acknowledged: the load did not run")
	}
	for i := range acked.objects {
		checkObject(t, p.HTTP, &acked.objects[i])
	}
	for _, n := range acked.messages {
		checkMessage(t, p.HTTP, n)
	}
	p.stop(t)
	t.Log(run(t, "verify", "--data", data))
}

// sizes are those of pixel data: in the head, in a segment, in a file of its own.
var sizes = []int{2 << 10, 90 << 10, 500 << 10, 1500 << 10}

// storeUntilCut sends objects by C-STORE until the association breaks, or one has another status than Success.
func storeUntilCut(ctx context.Context, addr string, study int, acked *acknowledged) {
	storeWhile(ctx, dimse.Success, addr, study, acked)
}

// storeWhile sends objects by C-STORE for as long as they are answered with a status.
func storeWhile(ctx context.Context, want dimse.Status, addr string, study int, acked *acknowledged) {
	a, err := dimse.Dial(ctx, addr, dimse.Options{CallingAE: "KILLTEST", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{{
		AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian},
	}}})
	if err != nil {
		return // killed before it began
	}
	defer a.Abort()
	for i := 1; ; i++ {
		o := newObject(study, i, sizes[i%len(sizes)], fmt.Sprintf("P%d", study))
		resp, err := a.Store(ctx, ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data))
		if err != nil || resp.Status != want {
			return
		}
		acked.object(o)
	}
}

// stowUntilCut sends objects by STOW-RS until the connection breaks.
func stowUntilCut(ctx context.Context, t *testing.T, base string, study int, acked *acknowledged) {
	for i := 1; ; i++ {
		o := newObject(study, i, sizes[(i+1)%len(sizes)], fmt.Sprintf("P%d", study))
		contentType, body := stowBody(t, o.part10())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/dicom-web/studies", body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Accept", "application/dicom+json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close() // only read
		if err != nil || resp.StatusCode != http.StatusOK {
			return
		}
		acked.object(o)
	}
}

func oru(n int) []byte {
	return fmt.Appendf(nil, "MSH|^~\\&|LIS|LAB|HALONG|BV1|20261121101500||ORU^R01^ORU_R01|K%d|P|2.5.1|||AL|NE||UNICODE UTF-8\r"+
		"PID|1||K%d^^^BV1^PI||TRẦN^THỊ^B||19800101|F\r"+
		"ORC|RE|PL%d|FI%d\r"+
		"OBR|1|PL%d|FI%d|GLU^Glucose^L|||20261121100000|||||||||||||||20261121101400||LAB|F\r"+
		"OBX|1|NM|GLU^Glucose^L||%d|mmol/L|3.9-6.4|N|||F\r", n, n, n, n, n, n, n)
}

// oruUntilCut sends results until the connection breaks.
func oruUntilCut(ctx context.Context, addr string, worker int, acked *acknowledged) {
	c, err := mllp.Dial(ctx, addr)
	if err != nil {
		return
	}
	defer c.Close()
	for i := 1; ; i++ {
		n := worker*100000 + i
		answer, err := c.Send(ctx, oru(n))
		if err != nil || !strings.Contains(string(answer), fmt.Sprintf("MSA|CA|K%d", n)) {
			return
		}
		acked.message(n)
	}
}

// checkObject compares what WADO-RS gives with what was sent.
func checkObject(t testing.TB, base string, o *object) {
	t.Helper()
	status, body := get(t, base+"/dicom-web"+o.path(), "application/dicom; transfer-syntax=*")
	if status != http.StatusOK {
		t.Errorf("%s: status %d", o.sop, status)
		return
	}
	_, rest, err := dataset.ReadFileHeader(bytes.NewReader(body), dataset.Limits{})
	if err != nil {
		t.Errorf("%s: %v", o.sop, err)
		return
	}
	got, err := io.ReadAll(rest)
	if err != nil || !bytes.Equal(got, o.data) {
		t.Errorf("%s: %d bytes differ from the %d sent (%v)", o.sop, len(got), len(o.data), err)
	}
}

// checkMessage looks for the one result of a message.
func checkMessage(t testing.TB, base string, n int) {
	t.Helper()
	status, body := get(t, fmt.Sprintf("%s/api/patients/K%d/results", base, n), "application/json")
	if status != http.StatusOK || !json.Valid(body) || !strings.Contains(string(body), fmt.Sprintf(`"%d"`, n)) {
		t.Errorf("K%d: status %d: %s", n, status, body)
	}
}
