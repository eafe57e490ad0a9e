package mllp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
)

// receiver answers each message with what the test says; an empty answer closes the connection, "-" is silence.
func receiver(t *testing.T, answer func(control string) string) (s *Sender, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = &atomic.Int32{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go serveReceiver(c, answer)
		}
	}()
	s = NewSender(SenderConfig{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", l.Addr().String())
		},
	})
	t.Cleanup(func() { s.Close(); l.Close() })
	return s, conns
}

func serveReceiver(c net.Conn, answer func(string) string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		b, err := in.ReadString('\x1c')
		if err != nil {
			return
		}
		f := strings.Split(b, "|")
		switch a := answer(f[9]); a {
		case "":
			return
		case "-":
		default:
			fmt.Fprint(c, a)
		}
	}
}

func ack(code, control string) string {
	return block("MSH|^~\\&|||||||ACK|x|P|2.5\rMSA|" + code + "|" + control + "\r")
}

func msg(control, mode string) []byte {
	return []byte("MSH|^~\\&|A|B|C|D|||ORU^R01|" + control + "|P|2.5" + mode + "\r")
}

func TestSender(t *testing.T) {
	const enhanced = "|||AL|AL"
	for name, c := range map[string]struct {
		mode   string
		answer func(control string) string
		want   string // codes, and the error
	}{
		"original":                {"", func(id string) string { return ack("AA", id) }, "/AA <nil>"},
		"refused":                 {"", func(id string) string { return ack("AE", id) }, "/AE <nil>"},
		"enhanced":                {enhanced, func(id string) string { return ack("CA", id) + ack("AA", id) }, "CA/AA <nil>"},
		"enhanced, refused":       {enhanced, func(id string) string { return ack("CE", id) }, "CE/ <nil>"},
		"enhanced, at once":       {enhanced, func(id string) string { return ack("AA", id) }, "/AA <nil>"},
		"enhanced, half":          {enhanced, func(id string) string { return ack("CA", id) }, "CA/ " + ErrNoAnswer.Error()},
		"enhanced, accept alone":  {"|||AL|NE", func(id string) string { return ack("CA", id) }, "CA/ <nil>"},
		"nobody waits":            {"|||NE|NE", func(string) string { return "-" }, "/ <nil>"},
		"CA in original mode":     {"", func(id string) string { return ack("CA", id) }, "CA/CA <nil>"},
		"silence":                 {"", func(string) string { return "-" }, "/ " + ErrNoAnswer.Error()},
		"closed":                  {"", func(string) string { return "" }, "/ " + ErrClosed.Error() + "\nEOF"},
		"another's":               {"", func(string) string { return ack("AA", "other") }, "/ " + ErrOtherAnswer.Error()},
		"another's, then its own": {"", func(id string) string { return ack("AE", "other") + ack("AA", id) }, "/AA <nil>"},
		"no control ID":           {"", func(string) string { return ack("AA", "") }, "/ " + ErrOtherAnswer.Error()},
		"no acknowledgement":      {"", func(string) string { return block("hello") }, "/ " + ErrOtherAnswer.Error()},
		"unframed":                {"", func(id string) string { return strings.Trim(ack("AA", id), vt+fs+"\r") }, "/ " + ErrUnframed.Error() + ": a message without the start block VT (0x0B): the sender does not use MLLP"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the time-out passes when nothing more comes
				ours, theirs := net.Pipe()
				go serveReceiver(theirs, c.answer)
				s := NewSender(SenderConfig{Dial: func(context.Context) (net.Conn, error) { return ours, nil }})
				defer s.Close()
				x, err := s.Send(context.Background(), msg("7", c.mode))
				code := func(a *Acknowledge) hl7v2.AckCode {
					if a == nil {
						return ""
					}
					return a.Code
				}
				if got := fmt.Sprintf("%s/%s %v", code(x.Accept), code(x.Application), err); got != c.want || !x.Sent {
					t.Errorf("got %q, want %q, sent %v", got, c.want, x.Sent)
				}
				if got, want := x.Positive(), err == nil && strings.Contains(c.want, "A "); err == nil && c.mode != "|||NE|NE" && got != want && !strings.Contains(c.want, "CA/ ") {
					t.Errorf("positive: %v", got)
				}
			})
		})
	}
}

// TestSenderKeepsConnections: one connection for many messages; a new one after an error, or when the receiver closed it.
func TestSenderKeepsConnections(t *testing.T) {
	var mode atomic.Pointer[string]
	good, silent, twice := "good", "silent", "twice"
	mode.Store(&good)
	s, conns := receiver(t, func(id string) string {
		switch *mode.Load() {
		case "silent":
			return "-"
		case "twice":
			return ack("AA", id) + ack("AA", id)
		}
		return ack("AA", id)
	})
	s.cfg.AckTimeout = 30 * time.Second
	send := func(id string) {
		t.Helper()
		if x, err := s.Send(context.Background(), msg(id, "")); err != nil || !x.Positive() {
			t.Fatalf("%s: %v", id, err)
		}
	}
	for i := range 20 {
		send(fmt.Sprint(i))
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	mode.Store(&silent)
	s.cfg.AckTimeout = 20 * time.Millisecond
	if _, err := s.Send(context.Background(), msg("x", "")); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
	s.cfg.AckTimeout = 30 * time.Second
	mode.Store(&twice)
	send("y")
	mode.Store(&good)
	send("z") // the second answer to y is not taken for its
	if n := conns.Load(); n < 2 || n > 3 {
		t.Errorf("%d connections", n)
	}
	s.conn.(*net.TCPConn).CloseWrite() // the receiver ends the connection then
	await(t, func() bool { return !s.quiet() })
	s.conn.SetReadDeadline(time.Time{})
	send("w")
	if x, err := s.Send(context.Background(), []byte("MSH|^~\\&|\x1c")); !errors.Is(err, ErrControl) || x.Sent {
		t.Errorf("FS in the message: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Close()
	if x, err := s.Send(ctx, msg("v", "")); !errors.Is(err, context.Canceled) || x.Sent {
		t.Errorf("cancelled: %v", err)
	}
}
