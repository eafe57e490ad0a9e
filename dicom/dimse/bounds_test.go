package dimse

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// hostile are streams that claim much more than they hold.
func hostile() map[string][]byte {
	rq := (&pdu.AssociateRQ{
		ProtocolVersion: 1, CalledAE: "A", CallingAE: "B", ApplicationContext: pdu.ApplicationContext,
		Contexts: []pdu.ProposedContext{{ID: 1, AbstractSyntax: ctStorage, TransferSyntaxes: []dicom.UID{implicit}}},
	}).Append(nil)
	claim := func(b []byte, at int, n uint32) []byte {
		b = append([]byte(nil), b...)
		binary.BigEndian.PutUint32(b[at:], n)
		return b
	}
	store := (&Command{Field: CStoreRQ, MessageID: 1, AffectedSOPClass: ctStorage, HasDataSet: true}).Append(nil)
	long := append([]byte(nil), store...)
	binary.LittleEndian.PutUint32(long[16:], 0xffffffff)
	huge := claim(claim(fragment(1, false, false, []byte("abcd")), 2, 0xffffffff), 6, 0xfffffffb)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	return map[string][]byte{
		"A-ASSOCIATE-RQ of 4 GB":      claim(rq, 2, 0xffffffff),
		"A-ASSOCIATE-RQ, the longest": claim(rq, 2, pdu.MaxAssociateLength),
		"command set of 4 GB":         join(rq, claim(claim(fragment(1, true, false, store), 2, 0xffffffff), 6, 0xfffffffb)),
		"element of 4 GB":             join(rq, fragment(1, true, true, long)),
		"data set fragment of 4 GB":   join(rq, fragment(1, true, true, store), huge),
		"100,000 empty fragments":     join(rq, fragment(1, true, true, store), bytes.Repeat(fragment(1, false, false, nil), 100_000)),
		"100,000 empty command parts": join(rq, bytes.Repeat(fragment(1, true, false, nil), 100_000)),
	}
}

func takeAll(stream []byte) {
	s := &Server{Mux: testMux(serviceFunc(func(_ context.Context, rq *Request) Response {
		if rq.Data != nil {
			_, _ = io.Copy(io.Discard, rq.Data) // its end is the association's
		}
		return Answer(Success)
	}))}
	s.init()
	s.serveConn(&canned{r: bytes.NewReader(stream)}, "peer")
}

// TestBoundedMemory: memory follows what arrives, never what is claimed.
func TestBoundedMemory(t *testing.T) {
	for name, stream := range hostile() {
		takeAll(stream) // fills pools
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		takeAll(stream)
		runtime.ReadMemStats(&after)
		n := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-30s %d bytes allocated", name, n)
		if n > 256<<10 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

// BenchmarkHostile gives B/op and ns/op of the same.
func BenchmarkHostile(b *testing.B) {
	for name, stream := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(stream)))
			for range b.N {
				takeAll(stream)
			}
		})
	}
}
