package mllp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers messages with themselves and notes everything else.
type echo struct {
	mu    sync.Mutex
	other []string
	hold  chan struct{} // if set, messages wait for it
	held  atomic.Int32  // messages that did
}

func (e *echo) Handle(_ context.Context, _ Peer, f Frame) [][]byte {
	if f.Kind != Message {
		e.mu.Lock()
		e.other = append(e.other, fmt.Sprintf("%v: %s", f.Kind, f.Bytes))
		e.mu.Unlock()
		return nil
	}
	if e.hold != nil {
		e.held.Add(1)
		<-e.hold
	}
	switch string(f.Bytes) {
	case "none":
		return nil
	case "two":
		return [][]byte{[]byte("CA"), []byte("AA")}
	}
	return [][]byte{append([]byte("re:"), f.Bytes...)}
}

// await waits until something is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to be")
		}
	}
}

// receiving counts the connections on which a message has begun to arrive.
func (s *Server) receiving() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.mu.Lock()
		if !c.began.IsZero() {
			n++
		}
		c.mu.Unlock()
	}
	return n
}

func (e *echo) seen() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.other, "; ")
}

func serve(t *testing.T, c Config) (*Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(c)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.Shutdown(ctx)
		if err := <-done; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve gave %v", err)
		}
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

func block(s string) string { return vt + s + fs + "\r" }

// TestPipelined is ipf#148: several messages written at once are answered in order.
func TestPipelined(t *testing.T) {
	_, addr := serve(t, Config{Handler: &echo{}})
	c := dial(t, addr)
	var in, want strings.Builder
	for i := range 100 {
		in.WriteString(block(fmt.Sprint(i)))
		want.WriteString(block(fmt.Sprintf("re:%d", i)))
	}
	fmt.Fprint(c, in.String(), block("two"), block("none"), block("last"))
	want.WriteString(block("CA") + block("AA") + block("re:last"))
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want.String() {
		t.Errorf("%v, %q", err, got)
	}
}

func TestClient(t *testing.T) {
	_, addr := serve(t, Config{Handler: &echo{}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := Dial(ctx, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, m := range []string{"a", strings.Repeat("long ", 100_000), ""} {
		if got, err := c.Send(ctx, []byte(m)); err != nil || string(got) != "re:"+m {
			t.Errorf("%d bytes: %v, %d bytes", len(m), err, len(got))
		}
	}
	short, cancel2 := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel2()
	if _, err := c.Send(short, []byte("none")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}

// TestUnframedAnswer is connect#1153: a peer that answers without a block is told apart from silence.
func TestUnframedAnswer(t *testing.T) {
	a, b := net.Pipe()
	go func() { b.Write([]byte("MSH|no block\r")); b.Close() }()
	got, err := NewClient(a).Read(context.Background())
	if !errors.Is(err, ErrUnframed) || string(got) != "MSH|no block\r" {
		t.Errorf("%q %v", got, err)
	}
}

// Who speaks another protocol waits for our first word: the connection is closed at once, and what came is one frame, whatever bytes it holds.
func TestOtherProtocols(t *testing.T) {
	for name, hello := range map[string]string{
		"TLS": "\x16\x03\x01\x00\x10\x01\x0babc\x1c\r\x0bMSH|x\x1c\r", "HTTP": "GET /hl7 HTTP/1.1\r\nHost: x\r\n\r\n", "DICOM": "\x01\x00\x00\x00\x00\xcd\x00\x01\x00\x00HALONG",
	} {
		e := &echo{}
		_, addr := serve(t, Config{Handler: e})
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, hello); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if errors.Is(err, os.ErrDeadlineExceeded) || len(answer) > 0 {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
		if got, ok := strings.CutPrefix(e.seen(), "bytes outside a message block: "); !ok || !strings.HasPrefix(hello, got) {
			t.Errorf("%s: %q", name, e.seen())
		}
	}
}

// TestIdle closes connections that say nothing, and soon those that stop in a message; what came
// is handed on.
func TestIdle(t *testing.T) {
	h := &echo{}
	_, addr := serve(t, Config{Handler: h, IdleTimeout: 50 * time.Millisecond})
	silent := dial(t, addr)
	_, addr = serve(t, Config{Handler: h, MessageTimeout: 100 * time.Millisecond})
	half, unframed := dial(t, addr), dial(t, addr)
	fmt.Fprint(half, block("a")+vt+"MSH|half")
	fmt.Fprint(unframed, "MSH|unframed")
	for _, c := range []net.Conn{silent, half, unframed} {
		if _, err := io.ReadAll(c); err != nil {
			t.Error(err)
		}
	}
	if got := h.seen(); !strings.Contains(got, "message block without end: MSH|half") || !strings.Contains(got, "bytes outside a message block: MSH|unframed") {
		t.Error(got)
	}
}

func TestLimits(t *testing.T) {
	var mu sync.Mutex
	refused, most := 0, 0
	_, addr := serve(t, Config{
		Handler: &echo{}, MaxConns: 3, MaxPeerConns: 2,
		OnRefused: func(Peer, error) { mu.Lock(); refused++; mu.Unlock() },
		OnConn:    func(n int) { mu.Lock(); most = max(most, n); mu.Unlock() },
	})
	one, two := dial(t, addr), dial(t, addr)
	for _, c := range []net.Conn{one, two} {
		fmt.Fprint(c, block("x"))
		if _, err := io.ReadFull(c, make([]byte, len(block("re:x")))); err != nil {
			t.Fatal(err)
		}
	}
	three := dial(t, addr)
	if n, err := three.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a third connection was let in")
	}
	mu.Lock()
	if refused != 1 || most != 2 {
		t.Errorf("refused %d, open %d", refused, most)
	}
	mu.Unlock()
	_, addr = serve(t, Config{Handler: &echo{}, Admit: func(p Peer) bool { return !p.Addr.IsLoopback() }})
	if n, err := dial(t, addr).Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("a peer that is not admitted was let in")
	}
}

// TestShutdown answers the message in hand and the one that has begun to
// arrive, and lets idle connections go.
func TestShutdown(t *testing.T) {
	h := &echo{hold: make(chan struct{})}
	s, addr := serve(t, Config{Handler: h})
	idle, busy, half := dial(t, addr), dial(t, addr), dial(t, addr)
	fmt.Fprint(busy, block("in hand"))
	fmt.Fprint(half, vt+"beg")
	await(t, func() bool { return h.held.Load() == 1 && s.receiving() == 1 })
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	if _, err := io.ReadAll(idle); err != nil {
		t.Error("idle:", err)
	}
	fmt.Fprint(half, "un"+fs+"\r")
	close(h.hold)
	for c, want := range map[net.Conn]string{busy: block("re:in hand"), half: block("re:begun")} {
		if got, err := io.ReadAll(c); err != nil || string(got) != want {
			t.Errorf("%q %v", got, err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening")
	}
}

// TestShutdownPatience cuts off a message that never ends.
func TestShutdownPatience(t *testing.T) {
	h := &echo{}
	s, addr := serve(t, Config{Handler: h})
	c := dial(t, addr)
	fmt.Fprint(c, vt+"never ends")
	await(t, func() bool { return s.receiving() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if got := h.seen(); got != "message block without end: never ends" {
		t.Error(got)
	}
}

// needPython finds python3-hl7's tool, or skips, or fails under CI.
func needPython(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("mllp_send")
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("mllp_send of the Debian package python3-hl7 is missing")
	}
	t.Skip("mllp_send of the Debian package python3-hl7 is missing")
	return ""
}

// TestPythonClient lets python3-hl7's mllp_send talk to the server.
func TestPythonClient(t *testing.T) {
	tool := needPython(t)
	_, addr := serve(t, Config{Handler: &echo{}})
	_, port, _ := net.SplitHostPort(addr)
	file := filepath.Join(t.TempDir(), "messages.hl7")
	if err := os.WriteFile(file, []byte("MSH|^~\\&|A\nPID|1\nMSH|^~\\&|B\nPID|2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "--loose", "--file", file, "-p", port, "127.0.0.1").CombinedOutput()
	if err != nil || strings.Count(string(out), "re:MSH|^~\\&|") != 2 {
		t.Errorf("%v: %q", err, out)
	}
}
