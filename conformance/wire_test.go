package conformance

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/halong-gateway/halong/dicom/dataset"
)

// wire is a proxy in front of a Storage SCP. It notes the digest of every data
// set that passes, as it is on the wire. It reads just enough of PS3.8 9.3.5 for
// that, and shares no code with the gateway.
type wire struct {
	addr string
	mu   sync.Mutex
	seen map[[32]byte]bool // digests of data sets
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String(), seen: map[[32]byte]bool{}}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.pass(t, c, to)
		}
	}()
	return w
}

// pass carries one association.
func (w *wire) pass(t *testing.T, client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server) // ends when either side closes
		_ = client.Close()
	}()
	var data bytes.Buffer
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[2:]))
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if head[0] == 4 { // P-DATA-TF
			w.note(&data, body)
		}
		if _, err := server.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// note gathers the fragments of data sets; control header 0 is a fragment, 2 the last (PS3.8 E.2).
func (w *wire) note(data *bytes.Buffer, pdvs []byte) {
	for len(pdvs) >= 6 {
		n := binary.BigEndian.Uint32(pdvs)
		if control := pdvs[5]; control&1 == 0 {
			data.Write(pdvs[6 : 4+n])
			if control&2 != 0 {
				w.mu.Lock()
				w.seen[sha256.Sum256(data.Bytes())] = true
				w.mu.Unlock()
				data.Reset()
			}
		}
		pdvs = pdvs[4+n:]
	}
}

// dataSetDigest gives the digest of the data set of a Part 10 file.
func dataSetDigest(file []byte) ([32]byte, error) {
	_, rest, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	var syntax *dataset.SyntaxError
	if err != nil && !errors.As(err, &syntax) {
		return [32]byte{}, err
	}
	h := sha256.New()
	_, err = io.Copy(h, rest)
	return [32]byte(h.Sum(nil)), err
}
