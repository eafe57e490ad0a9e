package dimse

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// idlePeers are the Associations that TestIdleMemory opens.
const idlePeers = 200

// TestIdleMemory: 200 Associations that have carried an object and now are idle cost less than 20 MB of heap and stacks, over TLS
// too. Their other ends are in a process of their own.
func TestIdleMemory(t *testing.T) {
	if os.Getenv("DIMSE_IDLE_ADDRESS") != "" {
		openIdle(t)
		return
	}
	for _, c := range []struct {
		name  string
		async uint16
		tls   bool
	}{{"TCP", 1, false}, {"TCP, window", 16, false}, {"TLS", 1, true}} {
		t.Run(c.name, func(t *testing.T) {
			s := &Server{Mux: concurrentMux(&keeper{}), MaxPerPeer: idlePeers, AsyncOperations: c.async}
			var addr string
			var root []byte
			if c.tls {
				own, _ := certify(t, "server")
				addr = startTLS(t, s, &tls.Config{Certificates: []tls.Certificate{own}})
				root = own.Certificate[0]
			} else {
				addr = start(t, s)
			}
			before := resident()
			stop := runIdle(t, addr, root)
			defer stop()
			perPeer := (resident() - before) / idlePeers
			t.Logf("an idle association costs %d bytes of heap and stack, %d of them %.1f MB", perPeer, idlePeers, float64(perPeer*idlePeers)/1e6)
			if perPeer*idlePeers >= 20e6 {
				t.Errorf("%d idle associations cost %d bytes", idlePeers, perPeer*idlePeers)
			}
		})
	}
}

// resident gives how many bytes of heap and stacks are in use.
func resident() int64 {
	for range 3 {
		debug.FreeOSMemory() // pools need two collections, stacks shrink during one
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// runIdle starts the other process and waits until its Associations are idle.
func runIdle(t *testing.T, addr string, root []byte) (stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestIdleMemory$")
	encoded, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "DIMSE_IDLE_ADDRESS="+addr, "DIMSE_IDLE_ROOT="+string(encoded))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("idle\n"))); err != nil {
		t.Fatal(err)
	}
	return func() {
		in.Close()
		_, _ = io.Copy(io.Discard, out) // what the test framework says there
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// openIdle is the other process: it opens the Associations, stores an object of 1 MB on each, and keeps them until its standard input ends.
func openIdle(t *testing.T) {
	var root []byte
	if err := json.Unmarshal([]byte(os.Getenv("DIMSE_IDLE_ROOT")), &root); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 1<<20)
	for range idlePeers {
		a := dial(t, os.Getenv("DIMSE_IDLE_ADDRESS"), func(o *Options) {
			proposing(16, 1)(o)
			o.Timeouts.Response = time.Minute
			if root != nil {
				c, err := x509.ParseCertificate(root)
				if err != nil {
					t.Fatal(err)
				}
				pool := x509.NewCertPool()
				pool.AddCert(c)
				o.Dial = over(&tls.Config{RootCAs: pool})
			}
		})
		if _, err := a.Store(context.Background(), ctStorage, "1.2", explicit, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("idle")
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is what is waited for
}
