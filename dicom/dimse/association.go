package dimse

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// Association carries messages both ways. It is used by one goroutine at a
// time; Interrupt alone may be called from others. Services of Concurrent Offers run in goroutines of their own, and may but read their
// request's Data Set and send its pending responses.
type Association struct {
	ul  *ul.Association
	mux *Mux
	t   Timeouts

	// Session is what the Server's Policy gave for this Association.
	Session any

	tls     *tls.ConnectionState // nil without TLS
	observe Observer
	idle    func(context.Context, *Association) error // see Server.Idle; may be nil
	in      []byte                                    // the last Command Set received
	current *DataSet                                  // of the message being served; nil when it has none
	ops     operations                                // the peer's requests
	busy    func() bool                               // tells whether one of them is served beside others; nil when none may be

	nextID      uint16
	calls       []*call // own requests that wait for their responses
	outstanding int     // of calls, those by Go
	mayInvoke   int     // how many of them there may be

	sending sync.Mutex // held while a message is sent: messages come whole
	out     []byte     // the message being sent
	cmd     []byte

	idleSince atomic.Int64 // Unix nanoseconds since when it waits for a request; 0 when busy
}

// Timeouts are how long silence is borne. Zero fields get the defaults.
type Timeouts struct {
	ARTIM    time.Duration // PS3.8 9.1.5; default 30 seconds
	Network  time.Duration // within a message, and while writing; default 60 seconds
	Idle     time.Duration // between messages, as SCP; default 10 minutes
	Response time.Duration // for a response, as SCU; default 5 minutes
}

func (t Timeouts) withDefaults() Timeouts {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&t.ARTIM, 30*time.Second)
	def(&t.Network, 60*time.Second)
	def(&t.Idle, 10*time.Minute)
	def(&t.Response, 5*time.Minute)
	return t
}

func newAssociation(u *ul.Association, m *Mux, t Timeouts) *Association {
	a := &Association{ul: u, mux: m, t: t, in: make([]byte, 0, 512)}
	limit := func(n uint16) int {
		if n == 0 {
			return unlimited
		}
		return int(n)
	}
	invoke, perform := a.Window()
	a.mayInvoke = limit(invoke)
	if n := limit(perform); n > 1 {
		a.ops.room, a.busy = make(chan struct{}, n), a.ops.busy
	}
	return a
}

// CallingAE gives the title of the Application Entity that requested the Association.
func (a *Association) CallingAE() string { return a.ul.RQ().CallingAE }

// CalledAE gives the title of the Application Entity that was asked for.
func (a *Association) CalledAE() string { return a.ul.RQ().CalledAE }

// RemoteAddr gives the peer's address.
func (a *Association) RemoteAddr() net.Addr { return a.ul.RemoteAddr() }

// Contexts gives the accepted Presentation Contexts.
func (a *Association) Contexts() []ul.Context { return a.ul.Contexts() }

// Peer gives the user information that the peer sent.
func (a *Association) Peer() *pdu.UserInformation {
	if a.ul.Requestor() {
		return &a.ul.AC().User
	}
	return &a.ul.RQ().User
}

// Interrupt makes the Association abort as soon as it waits for the peer.
func (a *Association) Interrupt() { a.ul.Interrupt() }

// Release ends the Association in order, after everything outstanding was answered (PS3.8 7.2).
func (a *Association) Release() error {
	if err := a.Flush(context.Background()); err != nil {
		return err
	}
	if err := a.ops.settle(); err != nil {
		return a.end(err)
	}
	a.ul.SetTimeout(a.t.Network)
	return a.ul.Release()
}

// Abort ends the Association at once.
func (a *Association) Abort() error {
	err := a.ul.Abort()
	return errors.Join(err, a.end(nil))
}

// Close aborts the Association unless it has ended.
func (a *Association) Close() error { return a.end(nil) }

// ProtocolError says that the peer breaks the exchange of messages (PS3.7 9, PS3.8
// E); the Association was aborted.
type ProtocolError struct{ Err error }

// Error gives the cause.
func (e *ProtocolError) Error() string { return "dimse: association aborted: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *ProtocolError) Unwrap() error { return e.Err }

var (
	errDataFirst     = errors.New("data set without a command set")
	errReleaseWithin = errors.New("release requested within a message")
	errUnasked       = errors.New("response to no request")
	errLongCommand   = errors.New("command set is too long")
)

// protocolError aborts the Association, as the DIMSE service user.
func (a *Association) protocolError(err error) error {
	return errors.Join(&ProtocolError{err}, a.ul.Close())
}

// message is a Command Set with its Data Set still to be read.
type message struct {
	Command
	context ul.Context
	data    *DataSet
}

// receive waits, no longer than patience, for the next message; while requests of the peer are worked on it need not say anything. The error is
// ul.ErrReleaseRequested when the peer wants to release the Association.
func (a *Association) receive(patience time.Duration) (*message, error) {
	a.ul.SetTimeout(patience)
	a.ul.SetPatience(a.busy)
	v, err := a.ul.NextPDV()
	a.ul.SetTimeout(a.t.Network)
	a.ul.SetPatience(nil) // within a message it must go on, whatever else is worked on
	a.idleSince.Store(0)
	if err != nil {
		return nil, err
	}
	id := v.Context
	for a.in = a.in[:0]; ; {
		if !v.Command || v.Context != id {
			return nil, a.protocolError(errDataFirst)
		}
		if len(a.in)+int(v.Length) > MaxCommandLength {
			return nil, a.protocolError(errLongCommand)
		}
		if err := a.readFragment(); err != nil {
			return nil, err
		}
		if v.Last {
			break
		}
		if v, err = a.ul.NextPDV(); err != nil {
			if errors.Is(err, ul.ErrReleaseRequested) {
				err = a.protocolError(errReleaseWithin)
			}
			return nil, err
		}
	}
	return a.understand(id)
}

// readFragment adds the current fragment to the Command Set.
func (a *Association) readFragment() error {
	for {
		if len(a.in) == cap(a.in) {
			a.in = append(a.in, 0)[:len(a.in)]
		}
		n, err := a.ul.Read(a.in[len(a.in):cap(a.in)])
		a.in = a.in[:len(a.in)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (a *Association) understand(id uint8) (*message, error) {
	m := &message{}
	m.context, _ = a.ul.Context(id)
	err := m.parse(a.in)
	if err == nil {
		err = m.validate()
	}
	if err != nil {
		return nil, a.protocolError(err)
	}
	if cap(a.in) > 4<<10 {
		a.in = make([]byte, 0, 512) // a long one is rare; do not keep its memory
	}
	if m.HasDataSet {
		m.data = &DataSet{a: a, context: id}
	}
	a.current = m.data
	return m, nil
}

// send writes a Command Set, and a Data Set if there is one, in one piece when
// they are small.
func (a *Association) send(context uint8, c *Command, data io.Reader) (readErr, err error) {
	a.sending.Lock()
	defer a.sending.Unlock()
	a.cmd = c.Append(a.cmd[:0])
	a.out = a.ul.AppendFragments(a.out[:0], context, true, a.cmd)
	if data == nil {
		return nil, a.ul.Send(a.out)
	}
	_, readErr, err = a.ul.SendData(a.out, context, data)
	return readErr, err
}

// watch interrupts the Association when ctx ends; call what it gives back when done.
func (a *Association) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, a.Interrupt)
}
