package mllp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
)

// SenderConfig sets a Sender up. Zero values stand for the defaults.
type SenderConfig struct {
	Dial func(ctx context.Context) (net.Conn, error) // opens a connection, over TCP or TLS

	ConnectTimeout time.Duration // 20 s
	AckTimeout     time.Duration // from the message's last byte to the last acknowledgement that is waited for; 30 s
	IdleTimeout    time.Duration // a connection that was not used for so long is not used again; 2 minutes
	MaxAnswer      int           // bytes of an acknowledgement; 1 MiB

	// AcceptOnly ends an exchange with the accept acknowledgement where the message asks for both: the application
	// acknowledgement, which may come much later, is not waited for.
	AcceptOnly bool
	// AnyControlID takes an acknowledgement without MSA-2 for the message's. One that names another message never counts.
	AnyControlID bool
}

// Sender sends messages to one receiver, one after the other, over a connection that it keeps.
// It may be used by several goroutines, which then wait for each other.
type Sender struct {
	cfg  SenderConfig
	mu   sync.Mutex
	conn net.Conn
	r    *Reader
	last time.Time // when the connection was used
	out  []byte
}

// NewSender makes a Sender. It connects when there is something to send.
func NewSender(c SenderConfig) *Sender {
	orDefault(&c.ConnectTimeout, 20*time.Second)
	orDefault(&c.AckTimeout, 30*time.Second)
	orDefault(&c.IdleTimeout, 2*time.Minute)
	orDefault(&c.MaxAnswer, 1<<20)
	return &Sender{cfg: c}
}

// Exchange is what became of one message.
type Exchange struct {
	Sent        bool         // all of it was written: the receiver may have it, whatever the error says
	Accept      *Acknowledge // accept acknowledgement (CA, CE, CR); nil if none came
	Application *Acknowledge // application acknowledgement (AA, AE, AR); nil if none came
	Others      [][]byte     // blocks that came meanwhile and are not this message's acknowledgements, oldest first
	Unframed    []byte       // the beginning of bytes that came without a block, at most 4 KiB
}

// Acknowledge is an acknowledgement that was received.
type Acknowledge struct {
	Code hl7v2.AckCode // MSA-1
	Text string        // MSA-3, else ERR-8, else ERR-7 of the first error
	Raw  []byte        // as received
}

// Positive tells whether the receiver took the message: what it was asked for, acceptance or processing, succeeded.
func (x *Exchange) Positive() bool {
	for _, a := range []*Acknowledge{x.Application, x.Accept} {
		if a != nil {
			return a.Code == hl7v2.AA || a.Code == hl7v2.CA
		}
	}
	return false
}

// Errors of Send, beside those of the network.
var (
	// ErrNoAnswer means that the time for acknowledgements ran out.
	ErrNoAnswer = errors.New("mllp: no acknowledgement came in time")
	// ErrOtherAnswer is ErrNoAnswer where acknowledgements of other messages came, or what is none: see Exchange.Others.
	ErrOtherAnswer = errors.New("mllp: what came is no acknowledgement of this message (MSA-1, MSA-2)")
	// ErrClosed means that the receiver closed the connection instead of answering.
	ErrClosed = errors.New("mllp: the receiver closed the connection without an acknowledgement")
	// ErrControl means that the message cannot be told apart from its answer: it is no message, or holds VT or FS.
	ErrControl = errors.New("mllp: not a message that can be sent")
)

// Send sends one message and waits for the acknowledgements that it asks for in MSH-15 and MSH-16: in original mode one,
// in enhanced mode the accept and the application acknowledgement as far as they are wanted. They are told apart from those of other
// messages by MSA-2. After an error the connection is closed, so that what still comes on it is nobody's. The exchange is never nil.
func (s *Sender) Send(ctx context.Context, raw []byte) (*Exchange, error) {
	x := &Exchange{}
	m, err := hl7v2.Parse(raw)
	if err != nil || bytes.IndexByte(raw, startBlock) >= 0 || bytes.IndexByte(raw, endBlock) >= 0 {
		return x, errors.Join(ErrControl, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.connect(ctx); err != nil {
		return x, fmt.Errorf("mllp: connecting: %w", err)
	}
	if err := s.write(ctx, raw); err != nil {
		s.drop()
		return x, fmt.Errorf("mllp: sending: %w", err)
	}
	x.Sent = true
	err = s.await(ctx, x, expected(m, s.cfg.AcceptOnly))
	if err != nil {
		s.drop()
	}
	s.last = time.Now()
	return x, err
}

// Close closes the connection, if there is one. The Sender may be used again.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn, s.r = nil, nil
	return err
}

func (s *Sender) drop() {
	if s.conn != nil {
		_ = s.conn.Close() // nothing more is said on it
	}
	s.conn, s.r = nil, nil
}

// connect opens a connection unless the one that is kept can be used: the receiver has neither closed it nor said
// anything unasked.
func (s *Sender) connect(ctx context.Context) error {
	if s.conn != nil && (time.Since(s.last) > s.cfg.IdleTimeout || !s.quiet()) {
		s.drop()
	}
	if s.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	c, err := s.cfg.Dial(ctx)
	if err != nil {
		return err
	}
	s.conn, s.r = c, NewReader(c, Limits{MaxMessage: s.cfg.MaxAnswer})
	return nil
}

// quiet tells whether nothing came on the connection since it was used.
func (s *Sender) quiet() bool {
	if s.r.pending() {
		return false
	}
	if s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) != nil {
		return false
	}
	for {
		err := s.r.fill()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return true
		case err != nil || s.r.pending():
			return false
		}
	}
}

func (s *Sender) write(ctx context.Context, raw []byte) error {
	defer until(ctx, s.conn.SetWriteDeadline)()
	s.out = Append(s.out[:0], raw)
	_, err := s.conn.Write(s.out)
	if cap(s.out) > LargeMessage {
		s.out = nil
	}
	return cause(ctx, err)
}

// wanted says which acknowledgements an exchange waits for.
type wanted struct {
	control             string
	accept, application bool
}

// expected reads it from a message. One that asks for an acknowledgement of errors alone, or of success alone, is waited
// for in the same way: silence would be ambiguous.
func expected(m *hl7v2.Message, acceptOnly bool) wanted {
	mode := m.AckMode()
	w := wanted{
		control: strings.TrimSpace(m.Get("MSH-10")),
		accept:  mode.Enhanced && mode.Accept != hl7v2.Never, application: mode.Application != hl7v2.Never,
	}
	if w.accept && acceptOnly {
		w.application = false
	}
	return w
}

// done tells whether nothing more is to come: not after a negative accept acknowledgement either.
func (w wanted) done(x *Exchange) bool {
	if x.Application != nil || x.Accept != nil && x.Accept.Code != hl7v2.CA {
		return true
	}
	return !w.application && (!w.accept || x.Accept != nil)
}

// await reads until the exchange is complete.
func (s *Sender) await(ctx context.Context, x *Exchange, w wanted) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	defer until(ctx, s.conn.SetReadDeadline)()
	for !w.done(x) {
		f, err := s.r.Next()
		if err != nil {
			return x.failed(cause(ctx, err))
		}
		s.take(x, f, w)
	}
	return nil
}

// maxOthers and maxUnframed bound what is kept of what nobody waited for.
const (
	maxOthers   = 16
	maxUnframed = 4 << 10
)

// take sorts one frame.
func (s *Sender) take(x *Exchange, f Frame, w wanted) {
	if f.Kind != Message {
		room := maxUnframed - len(x.Unframed)
		x.Unframed = append(x.Unframed, f.Bytes[:min(len(f.Bytes), room)]...)
		return
	}
	raw := bytes.Clone(f.Bytes)
	a, control := acknowledgement(raw)
	mine := a != nil && (control == w.control || control == "" && s.cfg.AnyControlID)
	switch {
	case !mine && len(x.Others) < maxOthers:
		x.Others = append(x.Others, raw)
	case !mine:
	case a.Code == hl7v2.CA, a.Code == hl7v2.CE, a.Code == hl7v2.CR:
		x.Accept = a
		if !w.accept && a.Code == hl7v2.CA { // not asked for in this mode: the receiver's only word
			x.Application = a
		}
	default:
		x.Application = a
	}
}

// acknowledgement reads MSA; nil if the block holds none.
func acknowledgement(raw []byte) (a *Acknowledge, control string) {
	m, err := hl7v2.Parse(raw)
	if err != nil {
		return nil, ""
	}
	msa := m.First("MSA")
	code := hl7v2.AckCode(strings.TrimSpace(msa.Field(1).Text()))
	switch code {
	case hl7v2.AA, hl7v2.AE, hl7v2.AR, hl7v2.CA, hl7v2.CE, hl7v2.CR:
	default:
		return nil, ""
	}
	a = &Acknowledge{Code: code, Raw: raw}
	for _, v := range []hl7v2.Value{msa.Field(3), m.First("ERR").Field(8), m.First("ERR").Field(7)} {
		if a.Text == "" {
			a.Text = strings.TrimSpace(v.Text())
		}
	}
	return a, strings.TrimSpace(msa.Field(2).Text())
}

// failed says why no acknowledgement came.
func (x *Exchange) failed(err error) error {
	switch {
	case len(x.Unframed) > 0:
		return fmt.Errorf("%w: %s", ErrUnframed, junkReason(x.Unframed))
	case len(x.Others) > 0:
		return ErrOtherAnswer
	case errors.Is(err, context.DeadlineExceeded):
		return ErrNoAnswer
	case errors.Is(err, context.Canceled):
		return err
	}
	return errors.Join(ErrClosed, err)
}
