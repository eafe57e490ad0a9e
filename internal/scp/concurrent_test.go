package scp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/storage"
)

// together is a Storer that stores nothing before a number of objects are there to be stored.
type together struct {
	mu    sync.Mutex
	n     int
	whole chan struct{}
	want  int
	all   []string
}

func (x *together) Store(ctx context.Context, in storage.Inbound) (storage.Receipt, error) {
	b := make([]byte, 64)
	n, err := in.Body.Read(b)
	for n < len(b) && err == nil {
		var more int
		more, err = in.Body.Read(b[n:])
		n += more
	}
	x.mu.Lock()
	x.all = append(x.all, fmt.Sprint(in.SOPInstance, " ", string(b[:n]), " ", in.Source.Peer, " ", in.Facility))
	if x.n++; x.n == x.want {
		close(x.whole)
	}
	x.mu.Unlock()
	select {
	case <-x.whole:
	case <-ctx.Done():
		return storage.Receipt{}, ctx.Err()
	case <-time.After(time.Minute):
	}
	return storage.Receipt{Outcome: storage.Stored}, nil
}

// TestStorageWithinWindow: a peer that has a window of 4 has 4 objects stored at once on one Association, each answered by its own
// Message ID; one that asked for none has them one after the other.
func TestStorageWithinWindow(t *testing.T) {
	for _, c := range []struct{ asks, granted uint16 }{{4, 4}, {8, 4}, {1, 1}} {
		x := &together{want: int(c.granted), whole: make(chan struct{})}
		addr := start(t, Config{Storer: x, Facility: "home", AsyncOperations: 4})
		a, err := dimse.Dial(context.Background(), addr, dimse.Options{
			CallingAE: "CT1", CalledAE: "HALONG", User: pdu.UserInformation{Async: &pdu.AsyncOperations{Invoked: c.asks, Performed: 1}},
			Contexts: []pdu.ProposedContext{{AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		pc, _ := a.Find(ctStorage, "")
		answered := 0
		for i := range 6 {
			command := &dimse.Command{Field: dimse.CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: dicom.UID(fmt.Sprint("1.2.", i+1))}
			err := a.Go(context.Background(), pc.ID, command, strings.NewReader(fmt.Sprint("data", i)), func(r *dimse.Response, err error) {
				if err != nil || !r.Status.OK() || r.AffectedSOPInstance != command.AffectedSOPInstance {
					t.Errorf("%v: %v", r, err)
				}
				answered++
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := a.Release(); err != nil {
			t.Error(err)
		}
		if answered != 6 || len(x.all) != 6 {
			t.Errorf("window %d: %d answers, %d stored", c.asks, answered, len(x.all))
		}
		for i := range 6 {
			if want := fmt.Sprintf("1.2.%d data%d CT1 home", i+1, i); !strings.Contains(strings.Join(x.all, "\n"), want) {
				t.Errorf("%q is not among %q", want, x.all)
			}
		}
	}
}
