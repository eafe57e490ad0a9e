package forward

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// MLLP sends messages by the Minimal Lower Layer Protocol, one after the other, each answered before the next. After
// a time-out, or an answer to something else, the connection is ended, so that a late answer is never taken for another message's.
type MLLP struct {
	Dial     func(ctx context.Context) (net.Conn, error)
	Answer   time.Duration // how long an acknowledgement is waited for; 0: 30 s
	OnError  OnError
	NoAnswer bool // the receiver acknowledges nothing, whatever a message asks for
}

func (m *MLLP) carrier() carrier { return &conversation{m: m} }

// conversation is a carrier.
type conversation struct {
	m *MLLP
	c *mllp.Client
}

func (c *conversation) rest() {
	if c.c != nil {
		_ = c.c.Close() // nothing is under way
		c.c = nil
	}
}

// send implements carrier.
func (c *conversation) send(ctx context.Context, j *job) error {
	for i := range j.entries {
		if j.stop() || ctx.Err() != nil {
			return nil
		}
		m, err := j.message(ctx, &j.entries[i])
		if err != nil {
			o := unreadable(err)
			j.end(i, o)
			if o.state == Waiting {
				return nil // those behind it wait
			}
			continue
		}
		o, err := c.one(ctx, m)
		if ctx.Err() != nil && o.state != Done {
			return nil // it is sent again after the next start, with the same control ID
		}
		j.end(i, o)
		if err != nil {
			return err
		}
	}
	return nil
}

// one sends a message and says what came of it. The error says that nothing can be sent at present.
func (c *conversation) one(ctx context.Context, m *hl7v2.Message) (outcome, error) {
	broken := func(err error) (outcome, error) {
		c.rest()
		return again("%v", reasonOf(err)), err
	}
	if c.c == nil {
		conn, err := c.m.Dial(ctx)
		if err != nil {
			return broken(err)
		}
		c.c = mllp.NewClient(conn)
	}
	limit := c.m.Answer
	if limit <= 0 {
		limit = answerTime
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := c.c.Write(within, m.Bytes()); err != nil {
		return broken(err)
	}
	mode := m.AckMode()
	if c.m.NoAnswer || !mode.Accept.Wanted(true) && !mode.Application.Wanted(true) {
		return outcome{state: Done}, nil
	}
	return c.await(within, m, mode, broken)
}

var (
	errOther  = errors.New("the answer is to another message")
	errSilent = errors.New("no acknowledgement came in time")
)

// await reads what the receiver says to a message.
func (c *conversation) await(ctx context.Context, m *hl7v2.Message, mode hl7v2.AckMode, broken func(error) (outcome, error)) (outcome, error) {
	accepted := false
	for {
		b, err := c.c.Read(ctx)
		switch {
		case err != nil && accepted: // CA is the receiver's promise (HL7 2.9.3); what came of it is not told
			c.rest()
			return outcome{state: Done, reason: "taken with CA, without an application acknowledgement"}, nil
		case errors.Is(err, context.DeadlineExceeded):
			return broken(errSilent)
		case err != nil:
			return broken(err)
		}
		a, err := readAnswer(b)
		if err != nil {
			return broken(err)
		}
		if a.control != m.Get("MSH-10") {
			return broken(errOther)
		}
		o, more, err := a.judge(mode, c.m.OnError)
		if o.state == 0 {
			return broken(err)
		}
		if !more {
			return o, err
		}
		accepted = true
	}
}
