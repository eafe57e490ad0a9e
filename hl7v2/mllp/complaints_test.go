package mllp

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The tests below are named after complaints about other programs, as docs/hl7.md lists them.

// TestComplaint03AnswersOfOthers is connect#1314: answers that came late were taken for those to later messages. Here a message
// that was not answered in time is sent again under the same control ID, on another connection, and an answer to anything else never counts.
func TestComplaint03AnswersOfOthers(t *testing.T) {
	s, conns := receiver(t, func(id string) string {
		if id == "1" {
			return "-" // too slow
		}
		return ack("AE", "1") + ack("AA", id) // the late answer to the first message comes before the second one's own
	})
	s.cfg.AckTimeout = 20 * time.Millisecond
	if x, err := s.Send(context.Background(), msg("1", "")); !errors.Is(err, ErrNoAnswer) || !x.Sent || x.Positive() {
		t.Fatalf("%v", err)
	}
	s.cfg.AckTimeout = 30 * time.Second
	x, err := s.Send(context.Background(), msg("2", ""))
	if err != nil || !x.Positive() || len(x.Others) != 1 || conns.Load() != 2 {
		t.Errorf("%v, %+v, %d connections", err, x, conns.Load())
	}
}

// TestComplaint05AnswerWithoutFrame is connect#1153: who sends is told that the answer came without a block, and what it was, not
// that no answer came.
func TestComplaint05AnswerWithoutFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go serveReceiver(theirs, func(id string) string { return "MSH|^~\\&|||||||ACK|9|P|2.5\rMSA|AA|" + id + "\r" })
		s := NewSender(SenderConfig{Dial: func(context.Context) (net.Conn, error) { return ours, nil }})
		defer s.Close()
		x, err := s.Send(context.Background(), msg("1", ""))
		if !errors.Is(err, ErrUnframed) || !strings.HasSuffix(string(x.Unframed), "MSA|AA|1\r") || x.Positive() {
			t.Errorf("%v, %q", err, x.Unframed)
		}
	})
}
