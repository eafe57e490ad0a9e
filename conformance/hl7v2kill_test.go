package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// hl7Acked is what was said about messages, by control ID; nil where the process died before it said anything.
type hl7Acked struct {
	mu   sync.Mutex
	sent map[string]string      // the bytes
	said map[string][]mllpReply // the answers
}

type mllpReply struct{ code, raw string }

// hl7Modes are MSH-15 and MSH-16.
var hl7Modes = [][2]string{{"", ""}, {"AL", "NE"}, {"AL", "AL"}, {"NE", "AL"}}

// hl7UntilCut sends results in one mode until the connection breaks.
func hl7UntilCut(ctx context.Context, addr, prefix string, mode [2]string, acked *hl7Acked) {
	s := hl7SenderTo(addr)
	defer s.Close()
	for i := 1; ; i++ {
		id := fmt.Sprint(prefix, i)
		msg := oruOf(id, mode[0], mode[1], "140")
		acked.mu.Lock()
		acked.sent[id] = msg
		acked.mu.Unlock()
		x, err := s.Send(ctx, []byte(msg))
		if x.Positive() { // also the first of two answers counts: it says that the message is safe
			acked.mu.Lock()
			acked.said[id] = replies(x)
			acked.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

func (a *hl7Acked) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.said)
}

func replies(x *mllp.Exchange) (all []mllpReply) {
	for _, a := range []*mllp.Acknowledge{x.Accept, x.Application} {
		if a != nil {
			all = append(all, mllpReply{string(a.Code), string(a.Raw)})
		}
	}
	return all
}

func hl7SenderTo(addr string) *mllp.Sender {
	return mllp.NewSender(mllp.SenderConfig{AckTimeout: time.Minute, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}})
}

// TestHL7KillLosesNothingAcknowledged kills the process while results come in original and enhanced mode. What was
// acknowledged is there afterwards, once, and sending it again gives the same answer, byte for byte; what was not acknowledged can
// be sent again without being there twice. An index made again says the same.
func TestHL7KillLosesNothingAcknowledged(t *testing.T) {
	data := t.TempDir()
	acked := &hl7Acked{sent: map[string]string{}, said: map[string][]mllpReply{}}
	const lives = 3
	for life := range lives {
		enough := len(acked.said) + 20 + rand.IntN(60)
		p := start(t, data)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for worker, mode := range hl7Modes {
			for twin := range 2 {
				wg.Go(func() { hl7UntilCut(ctx, p.HL7, fmt.Sprintf("L%dW%dT%dN", life, worker, twin), mode, acked) })
			}
		}
		eventually(t, "messages are acknowledged", func() bool { return acked.count() >= enough }) // in the midst of more
		p.kill(t)
		cancel()
		wg.Wait()
	}
	if len(acked.said) < lives {
		t.Fatalf("%d messages were acknowledged: the load did not run", len(acked.said))
	}
	t.Logf("%d messages sent, %d acknowledged", len(acked.sent), len(acked.said))
	p := start(t, data)
	hl7SentAgain(t, p, acked)
	p.stop(t)
	run(t, "reindex", "--data", data)
	p = start(t, data)
	hl7SentAgain(t, p, acked)
	p.stop(t)
}

// hl7SentAgain sends everything once more, over a few connections, and looks for it.
func hl7SentAgain(t *testing.T, p *process, acked *hl7Acked) {
	t.Helper()
	var wg sync.WaitGroup
	ids := make(chan string)
	for range 8 {
		wg.Go(func() {
			s := hl7SenderTo(p.HL7)
			defer s.Close()
			for id := range ids {
				if err := hl7Again(t, s, p, id, acked); err != nil {
					t.Errorf("%s sent again: %v", id, err)
				}
			}
		})
	}
	for _, id := range slices.Sorted(maps.Keys(acked.sent)) {
		ids <- id
	}
	close(ids)
	wg.Wait()
}

func hl7Again(t *testing.T, s *mllp.Sender, p *process, id string, acked *hl7Acked) error {
	x, err := s.Send(t.Context(), []byte(acked.sent[id]))
	if err != nil || !x.Positive() {
		return fmt.Errorf("%+v, %w", x, err)
	}
	acked.mu.Lock()
	before, got := acked.said[id], replies(x)
	acked.said[id] = got
	acked.mu.Unlock()
	for i := range before {
		if got[i] != before[i] {
			return fmt.Errorf("answered %q, then %q", before[i], got[i])
		}
	}
	resp, err := http.Get(p.HTTP + "/api/patients/PEER" + id + "/results?history=true")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var found struct {
		Patients []struct{ Reports []struct{ Version int } }
	}
	err = json.NewDecoder(resp.Body).Decode(&found)
	if err != nil || resp.StatusCode != http.StatusOK || len(found.Patients) != 1 || len(found.Patients[0].Reports) != 1 || found.Patients[0].Reports[0].Version != 1 {
		return fmt.Errorf("status %d, %w: %+v", resp.StatusCode, err, found)
	}
	return nil
}
