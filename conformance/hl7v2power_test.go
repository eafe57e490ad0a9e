package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestHL7PowerCutLosesNothingAcknowledged gives the gateway, after it was killed, the index of an earlier moment: commits of messages wait for no
// sync of the index, so a power cut may take any number of the last ones. What was acknowledged is in the journal, and there again, once.
func TestHL7PowerCutLosesNothingAcknowledged(t *testing.T) {
	data := t.TempDir()
	index, earlier := filepath.Join(data, "index"), filepath.Join(t.TempDir(), "index")
	acked := &hl7Acked{sent: map[string]string{}, said: map[string][]mllpReply{}}
	p := start(t, data)
	hl7Some(t, p, "A", acked)
	p.stop(t)
	if err := os.CopyFS(earlier, os.DirFS(index)); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	hl7Some(t, p, "B", acked)
	p.kill(t)
	if err := os.RemoveAll(index); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(index, os.DirFS(earlier)); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	hl7SentAgain(t, p, acked)
	p.stop(t)
}

// hl7Some sends results over several connections, in each mode.
func hl7Some(t *testing.T, p *process, prefix string, acked *hl7Acked) {
	t.Helper()
	var wg sync.WaitGroup
	for worker, mode := range hl7Modes {
		wg.Go(func() {
			s := hl7SenderTo(p.HL7)
			defer s.Close()
			for i := range 15 {
				id := fmt.Sprintf("%sW%dN%d", prefix, worker, i)
				msg := oruOf(id, mode[0], mode[1], "140")
				x, err := s.Send(t.Context(), []byte(msg))
				if err != nil || !x.Positive() {
					t.Errorf("%s: %+v, %v", id, x, err)
					return
				}
				acked.mu.Lock()
				acked.sent[id], acked.said[id] = msg, replies(x)
				acked.mu.Unlock()
			}
		})
	}
	wg.Wait()
}
