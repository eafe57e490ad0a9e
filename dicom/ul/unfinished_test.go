package ul

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// TestUnfinishedRequests: connections that send the longest A-ASSOCIATE-RQ there may be and keep back its last byte cost what they sent, not a multiple of it.
func TestUnfinishedRequests(t *testing.T) {
	const peers = 32
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	var wg sync.WaitGroup
	var conns []net.Conn
	for range peers {
		near, far := net.Pipe()
		conns = append(conns, far)
		wg.Go(func() { _, _ = Accept(near, Options{ARTIM: time.Hour}, nil) }) // its error is what this test does in the end
	}
	zeros := make([]byte, pdu.MaxAssociateLength-1)
	for _, c := range conns { // a pipe takes what is read
		if _, err := c.Write(pdu.Header{Type: pdu.TypeAssociateRQ, Length: pdu.MaxAssociateLength}.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if each := (heap() - before) / peers; each > pdu.MaxAssociateLength+2*readBuffer {
		t.Errorf("%d bytes for each of %d", each, pdu.MaxAssociateLength)
	}
	for _, c := range conns {
		_ = c.Close() // a pipe's never fails
	}
	wg.Wait()
}
