package statement

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/halong-gateway/halong/dicom/pdu"
)

// errNobody is what every Association of Overhear comes to.
var errNobody = errors.New("nobody is there")

// maxRequest bounds an A-ASSOCIATE-RQ of our own: 128 Presentation Contexts fit in.
const maxRequest = 256 << 10

// Overhear lets ask open Associations with a peer that hears the A-ASSOCIATE-RQ and hangs up, and gives what it heard. Nothing
// leaves the process.
func Overhear(ask func(dial func(ctx context.Context, network, address string) (net.Conn, error))) (heard []*pdu.AssociateRQ) {
	var mu sync.Mutex
	var peers sync.WaitGroup
	ask(func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		peers.Go(func() {
			defer theirs.Close()
			rq, err := hear(theirs)
			if err != nil {
				return // the asker finds out that nobody is there
			}
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, rq)
		})
		return ours, nil
	})
	peers.Wait()
	return heard
}

// hear reads one A-ASSOCIATE-RQ.
func hear(r io.Reader) (*pdu.AssociateRQ, error) {
	head := make([]byte, pdu.HeaderLength)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	h := pdu.ParseHeader(head)
	if h.Type != pdu.TypeAssociateRQ || h.Length > maxRequest {
		return nil, errNobody
	}
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	return pdu.ParseAssociateRQ(body)
}
