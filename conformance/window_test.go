package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/scu"
)

// TestWindowWhereAsked: C-MOVE and forwarding propose an Asynchronous Operations Window to those destinations alone that are configured with one:
// there are Storage SCPs which grant what is proposed and then break on the second request, dcmjs-dimse for instance.
func TestWindowWhereAsked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]*pdu.AsyncOperations{}
	m := &dimse.Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: swallow{}, Accepts: func(dicom.UID) bool { return true }})
	far := &dimse.Server{Mux: m, AsyncOperations: 100, Policy: func(_ context.Context, _ dimse.Peer, rq *pdu.AssociateRQ) (dimse.Admission, *pdu.Reject) {
		mu.Lock()
		defer mu.Unlock()
		asked[rq.CalledAE] = rq.User.Async
		return dimse.Admission{}, nil
	}}
	go func() { _ = far.Serve(l) }() // until it is shut down
	t.Cleanup(func() { _ = far.Shutdown(context.Background()) })

	c := filepath.Join(t.TempDir(), "halong.yaml")
	text := fmt.Sprintf(`dicom:
  destinations:
    - {ae: MOVE1, address: %[1]q}
    - {ae: MOVE8, address: %[1]q, async_operations: 8}
    - {ae: SENT1, address: %[1]q}
    - {ae: SENT8, address: %[1]q, async_operations: 8}
forward:
  destinations: [{name: one, ae: SENT1}, {name: many, ae: SENT8}]
  rules: [{to: [one, many]}]
`, l.Addr())
	if err := os.WriteFile(c, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, t.TempDir(), "--config", c)
	all := series(7300, 2)
	storeAll(t, p.DICOM, all)
	for _, ae := range []string{"MOVE1", "MOVE8"} {
		keys := &dataset.Set{}
		keys.PutString(tag.StudyInstanceUID, dicom.UI, string(all[0].study))
		r, err := scu.Move(t.Context(), scu.Target{Address: p.DICOM, CallingAE: "TEST", CalledAE: "HALONG"}, scu.Query{Level: "STUDY", Keys: keys}, ae, nil)
		if err != nil || r.Completed != len(all) {
			t.Errorf("%s: %+v, %v", ae, r.Counts, err)
		}
	}
	eventually(t, "both are sent", func() bool {
		return account(t, p.HTTP, "one").Done == int64(len(all)) && account(t, p.HTTP, "many").Done == int64(len(all))
	})
	mu.Lock()
	defer mu.Unlock()
	eight := &pdu.AsyncOperations{Invoked: 8, Performed: 1}
	want := map[string]*pdu.AsyncOperations{"MOVE1": nil, "MOVE8": eight, "SENT1": nil, "SENT8": eight}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}
