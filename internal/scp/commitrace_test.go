package scp

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/storage"
)

// slowIndex keeps who checked a commitment waiting, once the outcome can be seen, until the Association that asked for it has seen it.
type slowIndex struct {
	storage.CommitmentIndex
	saved   atomic.Bool
	looked  chan struct{} // holds one
	atLeast time.Duration
}

func (x *slowIndex) SaveCommitment(ctx context.Context, c *storage.Commitment) error {
	err := x.CommitmentIndex.SaveCommitment(ctx, c)
	if c.State != storage.CommitmentChecked {
		return err
	}
	x.saved.Store(true)
	select {
	case <-x.looked:
		time.Sleep(x.atLeast) // what it does then takes no longer, or the test shows nothing
	case <-time.After(time.Minute):
	}
	return err
}

func (x *slowIndex) Commitment(ctx context.Context, id int64) (*storage.Commitment, error) {
	c, err := x.CommitmentIndex.Commitment(ctx, id)
	if err == nil && c.State == storage.CommitmentChecked && x.saved.Load() {
		select {
		case x.looked <- struct{}{}:
		default:
		}
	}
	return c, err
}

// TestN18WhileChecking: an Association that looks for the outcome while the one who checked has not let go of it yet is told nevertheless.
func TestN18WhileChecking(t *testing.T) {
	w := newCommitWorld(t)
	good := put(t, w.archive, "default", 1, 1, "AN")
	x := &slowIndex{CommitmentIndex: w.index, looked: make(chan struct{}, 1), atLeast: 100 * time.Millisecond}
	c := w.config()
	c.Commitments = x
	m := newModality()
	a := m.associate(t, start(t, c))
	defer release(a)
	if s := action(t, a, "1.1", ctStorage, good); s != dimse.Success {
		t.Fatal(s)
	}
	diff(t, listenFor(t, a, m), reported{event: 1, instance: commitment.SOPInstance, transaction: "1.1", good: []dicom.UID{good}})
}
