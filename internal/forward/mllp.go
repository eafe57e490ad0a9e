package forward

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// MLLP sends messages by the Minimal Lower Layer Protocol, one after the other, each answered before the next.
type MLLP struct {
	Dial    func(ctx context.Context) (net.Conn, error)
	Answer  time.Duration // how long acknowledgements are waited for; 0: 30 s
	OnError OnError
}

func (m *MLLP) carrier() carrier {
	return &conversation{m, mllp.NewSender(mllp.SenderConfig{Dial: m.Dial, AckTimeout: m.Answer})}
}

// conversation is a carrier.
type conversation struct {
	m *MLLP
	s *mllp.Sender
}

func (c *conversation) rest() { _ = c.s.Close() } // nothing is under way

// send implements carrier.
func (c *conversation) send(ctx context.Context, j *job) error { return j.messages(ctx, c.one) }

// one sends a message and says what came of it. The error says that nothing can be sent at present.
func (c *conversation) one(ctx context.Context, m *hl7v2.Message) (outcome, error) {
	x, err := c.s.Send(ctx, m.Bytes())
	switch {
	case errors.Is(err, mllp.ErrControl):
		return dead("%v", err), nil
	case err != nil && x.Accept != nil && x.Accept.Code == hl7v2.CA: // the receiver's promise (HL7 2.9.3); what came of it is not told
		return outcome{state: Done, reason: "taken with CA, without an application acknowledgement"}, nil
	case errors.Is(err, mllp.ErrNoAnswer) && x.Accept == nil && errorsAlone(m):
		return outcome{state: Done, reason: "no error was answered in time, and the message asks for no other answer"}, nil
	case err != nil:
		return again("%v", reasonOf(err)), err
	}
	a := x.Application
	if a == nil {
		a = x.Accept
	}
	if a == nil { // the message asks for none
		return outcome{state: Done}, nil
	}
	return judge(a.Code, a.Raw, c.m.OnError)
}

// errorsAlone tells whether a message asks for answers about errors and for no others (HL7 2.9.2, table 0155).
func errorsAlone(m *hl7v2.Message) bool {
	mode := m.AckMode()
	return mode.Enhanced && !mode.Accept.Wanted(true) && !mode.Application.Wanted(true)
}

// messages sends the messages of a job, one after the other. Those behind one that is to be tried again wait.
func (j *job) messages(ctx context.Context, one func(context.Context, *hl7v2.Message) (outcome, error)) error {
	for i := range j.entries {
		if j.stop() || ctx.Err() != nil {
			return nil
		}
		if !j.wanted(i) {
			continue
		}
		m, err := j.message(ctx, &j.entries[i])
		if err != nil {
			o := unreadable(err)
			j.end(i, o)
			if o.state == Waiting {
				return nil
			}
			continue
		}
		o, err := one(ctx, m)
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
