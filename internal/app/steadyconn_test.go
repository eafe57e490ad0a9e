package app

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is one end of a net.Pipe: what is written is taken when the other end reads it, byte by byte. It cannot send files.
type pipe struct{ net.Conn }

func (p pipe) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{p.Conn}, r) }

func (p pipe) CloseWrite() error { return p.Close() }

// fileOf gives a file that stands at its beginning.
func fileOf(t *testing.T, b []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // it was only read
	return f
}

// A peer that takes nothing for a minute is cut; one that takes a byte in less is not, however long it all takes.
func TestWritesGoOnWhileThePeerReads(t *testing.T) {
	const stall = time.Minute
	text := bytes.Repeat([]byte("Hạ Long "), 10)
	file := fileOf(t, text)
	writes := map[string]func(c *steadyConn) (int64, error){
		"write": func(c *steadyConn) (int64, error) {
			n, err := c.Write(text)
			return int64(n), err
		},
		"file": func(c *steadyConn) (int64, error) {
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return 0, err
			}
			return c.ReadFrom(&io.LimitedReader{R: file, N: int64(len(text))})
		},
		"other": func(c *steadyConn) (int64, error) { return c.ReadFrom(bytes.NewReader(text)) },
	}
	for name, write := range writes {
		for _, tc := range []struct {
			name        string
			reads       int           // of a byte each
			every       time.Duration // between them
			limit       time.Duration // that the connection's user sets; 0: none
			want        int64
			least, most time.Duration // until the write ends
		}{
			{"never", 0, 0, 0, 0, stall, stall},
			{"slowly", len(text), 44 * time.Second, 0, int64(len(text)), time.Duration(len(text)) * 44 * time.Second, time.Duration(len(text)) * 44 * time.Second},
			{"no longer", 5, 30 * time.Second, 0, 5, 150*time.Second + stall, 150*time.Second + stall + stall/steadyTries},
			{"until its user's deadline", 5, time.Second, 9 * time.Second, 5, 9 * time.Second, 9 * time.Second},
		} {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := net.Pipe()
					c := &steadyConn{transport: pipe{ours}, window: stall / steadyTries, tries: steadyTries}
					got := make(chan []byte, 1)
					go func() {
						var all []byte
						for b := make([]byte, 1); len(all) < tc.reads; all = append(all, b...) {
							time.Sleep(tc.every)
							if _, err := io.ReadFull(theirs, b); err != nil {
								t.Error(err)
								break
							}
						}
						got <- all
					}()
					start := time.Now()
					if tc.limit > 0 {
						if err := c.SetDeadline(start.Add(tc.limit)); err != nil {
							t.Error(err)
						}
					}
					n, err := write(c)
					took := time.Since(start)
					if n != tc.want || (n < int64(len(text))) != errors.Is(err, os.ErrDeadlineExceeded) || took < tc.least || took > tc.most {
						t.Errorf("%d bytes in %v (%v), want %d in %v to %v", n, took, err, tc.want, tc.least, tc.most)
					}
					if all := <-got; !bytes.Equal(all, text[:tc.reads]) {
						t.Errorf("%q came", all)
					}
					synctest.Wait()
				})
			})
		}
	}
}

// windows counts the windows of a connection.
type windows struct {
	*net.TCPConn
	n atomic.Int64
}

func (w *windows) SetWriteDeadline(t time.Time) error {
	w.n.Add(1)
	return w.TCPConn.SetWriteDeadline(t)
}

// What a time-out interrupted goes on where it was, copied and sent from a file.
func TestInterruptedWritesGoOn(t *testing.T) {
	text := make([]byte, 6<<20)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(text); i++ {
		text[i] = byte(r.Uint32())
	}
	file := fileOf(t, text)
	for name, write := range map[string]func(c *steadyConn) error{
		"write": func(c *steadyConn) error { _, err := c.Write(text); return err },
		"file": func(c *steadyConn) error {
			_, err := c.ReadFrom(&io.LimitedReader{R: file, N: int64(len(text))})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := tcp(t)
			w := &windows{TCPConn: ours}
			c := &steadyConn{transport: w, window: time.Millisecond, tries: 1 << 30}
			written := make(chan error, 1)
			go func() {
				written <- errors.Join(write(c), c.CloseWrite())
			}()
			sum, b := sha256.New(), make([]byte, 512<<10)
			for {
				for from := w.n.Load(); len(written) == 0 && w.n.Load() < from+3; {
					time.Sleep(time.Millisecond) // until it waited in vain
				}
				n, err := io.ReadFull(theirs, b)
				sum.Write(b[:n])
				if err != nil {
					break
				}
			}
			if err := <-written; err != nil || [32]byte(sum.Sum(nil)) != sha256.Sum256(text) {
				t.Errorf("other bytes came (%v)", err)
			}
			if w.n.Load() < 10 {
				t.Errorf("%d windows: nothing was interrupted", w.n.Load())
			}
		})
	}
}

// tcp gives both ends of a connection with small buffers.
func tcp(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs = b.(*net.TCPConn), a.(*net.TCPConn)
	t.Cleanup(func() { _ = errors.Join(ours.Close(), theirs.Close()) })
	if err := errors.Join(ours.SetWriteBuffer(64<<10), theirs.SetReadBuffer(64<<10)); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
