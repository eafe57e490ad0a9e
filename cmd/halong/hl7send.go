package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app"
)

type hl7SendCmd struct {
	Address string        `arg:"" help:"HOST:PORT of the receiver."`
	Files   []string      `arg:"" help:"Files with messages, sent as they are." type:"existingfile"`
	Timeout time.Duration `help:"How long an answer is waited for." default:"30s"`
	tlsFlags
}

// hl7Sending is files being sent.
type hl7Sending struct {
	e             *env
	dial          func(context.Context) (net.Conn, error)
	timeout       time.Duration
	sent, refused int // messages
}

// Run sends the files, message by message: each is answered before the next is sent.
func (x *hl7SendCmd) Run(e *env) error {
	if _, _, err := net.SplitHostPort(x.Address); err != nil {
		return usage{fmt.Errorf("%s: want HOST:PORT", x.Address)}
	}
	if err := x.check(); err != nil {
		return err
	}
	open := app.NewDial
	if x.TLSInsecure {
		open = app.NewUnverifiedDial
	}
	dial, err := open(x.destination(), slog.New(slog.DiscardHandler))
	if err != nil {
		return usage{err}
	}
	w := &hl7Sending{e: e, timeout: x.Timeout, dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", x.Address) }}
	s := mllp.NewSender(mllp.SenderConfig{Dial: w.dial, AckTimeout: x.Timeout, MaxAnswer: mllp.DefaultMaxMessage, AnyControlID: true})
	defer s.Close()
	for _, name := range x.Files {
		if err := w.file(s, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if w.refused > 0 {
		return fmt.Errorf("%d of %d were not accepted", w.refused, w.sent)
	}
	return nil
}

// file sends a file: messages without batch headers each in a block of its own, so that each has an answer of its own; a trailer behind several of them
// would count what is not in its block, and is left out. Anything else goes in one block.
func (w *hl7Sending) file(s *mllp.Sender, name string) error {
	raw, err := readBounded(name)
	if err != nil {
		return err
	}
	raw = bytes.TrimRight(raw, "\n")
	b := hl7v2.SplitBatch(raw)
	if len(b.Header) > 0 {
		return w.block(raw)
	}
	for _, m := range b.Messages {
		if m = bytes.TrimRight(m, "\n"); !readable(m) { // to see what a receiver says of it
			err = w.block(m)
		} else {
			err = w.message(s, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readable(raw []byte) bool {
	_, err := hl7v2.Parse(raw)
	return err == nil
}

// message sends one message and prints the answers that it asks for in MSH-15 and MSH-16.
func (w *hl7Sending) message(s *mllp.Sender, raw []byte) error {
	x, err := s.Send(w.e.ctx, raw)
	for _, a := range []*mllp.Acknowledge{x.Accept, x.Application} {
		if a != nil && (a != x.Accept || x.Application != x.Accept) {
			printMessage(w.e, a.Raw, "")
		}
	}
	for _, other := range x.Others {
		w.e.printf("not an answer to this message:\n")
		printMessage(w.e, other, "")
	}
	if err != nil {
		return err
	}
	if w.sent++; x.Accept == nil && x.Application == nil {
		w.e.printf("sent; the message asks for no answer (MSH-15, MSH-16)\n")
	} else if !x.Positive() {
		w.refused++
	}
	return nil
}

// block sends a batch, or what is no message, over a connection of its own, and prints the messages of the answer.
func (w *hl7Sending) block(raw []byte) error {
	ctx, cancel := context.WithTimeout(w.e.ctx, w.timeout)
	defer cancel()
	conn, err := w.dial(ctx)
	if err != nil {
		return err
	}
	c := mllp.NewClient(conn)
	answer, err := c.Send(ctx, raw)
	if errors.Is(err, context.DeadlineExceeded) {
		err = mllp.ErrNoAnswer
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	b := hl7v2.SplitBatch(answer)
	if b.Groups == nil {
		b.Groups = []hl7v2.BatchGroup{{Messages: b.Messages}}
	}
	printLines(w.e, string(b.File))
	for _, g := range b.Groups {
		printLines(w.e, string(g.Header))
		for _, one := range g.Messages {
			printMessage(w.e, one, "")
			w.sent++
			if m, err := hl7v2.Parse(one); err != nil || m.Get("MSA-1") != "AA" && m.Get("MSA-1") != "CA" {
				w.refused++
			}
		}
		printLines(w.e, string(g.Trailer))
	}
	printLines(w.e, string(b.FileTrailer))
	return nil
}
