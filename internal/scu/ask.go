package scu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// asker is an Association on which requests of one SOP Class are made.
type asker struct {
	ctx    context.Context // the caller's: when it ends, the request under way is cancelled
	a      *dimse.Association
	class  dicom.UID
	pc     uint8
	syntax *dicom.TransferSyntax

	cancelled atomic.Bool // the request under way
}

// ask makes an Association for a SOP Class, beside what o says. Close it.
func (t *Target) ask(ctx context.Context, class dicom.UID, application []byte, o dimse.Options) (*asker, error) {
	o.Contexts = append([]pdu.ProposedContext{{AbstractSyntax: class, TransferSyntaxes: native}}, o.Contexts...)
	if application != nil {
		o.User.Extended = []pdu.ExtendedNegotiation{{SOPClass: class, Application: application}}
	}
	a, err := t.dial(ctx, o)
	if err != nil {
		return nil, err
	}
	x := &asker{ctx: ctx, a: a, class: class}
	pc, ok := a.Find(class, "")
	if !ok {
		return nil, errors.Join(fmt.Errorf("peer does not serve SOP class %s", class), x.close(nil))
	}
	x.pc = pc.ID
	if x.syntax, ok = dicom.LookupTransferSyntax(pc.TransferSyntax); !ok {
		return nil, errors.Join(fmt.Errorf("peer chose the unknown transfer syntax %s", pc.TransferSyntax), x.close(nil))
	}
	t.granted(a, class, application)
	return x, nil
}

// options are what the bytes of the extended negotiation of queries ask for (PS3.4 C.5.1.1.1).
var options = [...]string{"relational queries", "combined date and time matching", "fuzzy matching of names", "time zone adjustment"}

// granted gives notice of what was asked for and is not served.
func (t *Target) granted(a *dimse.Association, class dicom.UID, asked []byte) {
	var got []byte
	for _, x := range a.Peer().Extended {
		if x.SOPClass == class {
			got = x.Application
		}
	}
	for i, b := range asked {
		if b != 0 && (i >= len(got) || got[i] == 0) && i < len(options) {
			t.notice("the peer does not grant " + options[i])
		}
	}
}

// call makes a request and waits for its end. Pending responses are given to the function. When the caller's context ends, the
// request is cancelled (PS3.7 9.3.2.3) and the peer has the grace to say so; the error is the context's then.
func (x *asker) call(rq *dimse.Command, identifier []byte, pending func(*dimse.Response) error) (*dimse.Response, error) {
	longer, done := outlive(x.ctx)
	defer done()
	x.cancelled.Store(false)
	body := &announced{r: bytes.NewReader(identifier), begun: make(chan struct{})}
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { x.cancelWith(rq, body.begun, over) })
	resp, err := x.a.Call(longer, x.pc, rq, body, func(r *dimse.Response) error {
		if x.ctx.Err() != nil {
			return nil
		}
		return pending(r)
	})
	close(over)
	wg.Wait()
	if err != nil && x.ctx.Err() != nil {
		err = errors.Join(x.ctx.Err(), err)
	}
	if err == nil && resp.Status == dimse.Cancelled {
		err = x.ctx.Err()
	}
	return resp, err
}

// announced is a Data Set to be sent that tells when that has begun: the request has its Message ID then.
type announced struct {
	r     io.Reader
	begun chan struct{}
	said  bool
}

// Read implements io.Reader.
func (a *announced) Read(p []byte) (int, error) {
	if !a.said {
		a.said = true
		close(a.begun)
	}
	return a.r.Read(p)
}

// cancelWith cancels a request that has begun when the caller's context ends before it is over.
func (x *asker) cancelWith(rq *dimse.Command, begun, over <-chan struct{}) {
	select {
	case <-x.ctx.Done():
	case <-over:
		return
	}
	select {
	case <-begun:
		_ = x.cancel(rq) // when the Association is gone Call says so
	case <-over:
	}
}

// cancel sends a C-CANCEL for the request under way, once.
func (x *asker) cancel(rq *dimse.Command) error {
	if x.cancelled.Swap(true) {
		return nil
	}
	return x.a.Cancel(x.pc, rq)
}

// close ends the Association: in order, unless err says that it is broken. It gives what is to be told.
func (x *asker) close(err error) error {
	if err == nil || x.ctx.Err() != nil {
		if e := x.a.Release(); err == nil {
			err = e
		}
	}
	_ = x.a.Close() // the first failure is what matters
	return err
}
