package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/storage"
)

// reprocessGroup is how many messages are looked at again in one transaction.
const reprocessGroup = 100

// reprocessRecord is the version of the payload of storage.RecordReprocess.
const reprocessRecord = 1

// errNoRaw means that the bytes of messages cannot be read here.
var errNoRaw = errors.New("the bytes of messages are not at hand")

// errWasRefused means that bytes in quarantine are no message that could be processed.
var errWasRefused = errors.New("the message was refused: what it came from has to send it again")

// CatchUp processes, in order of arrival, the messages that an earlier version of the program only kept. It gives how
// many of them are processed now. It is called before messages are taken.
func (in *Intake) CatchUp(ctx context.Context) (processed int, err error) {
	for after := uint64(0); ; {
		group, err := in.cfg.Messages.Unprocessed(ctx, in.version, after, reprocessGroup)
		if len(group) == 0 || err != nil {
			return processed, err
		}
		done := 0
		err = in.cfg.Updater.Update(ctx, func(tx halong.Tx) error {
			done = 0
			for _, m := range group {
				now, err := in.catch(tx, m)
				if err != nil {
					return err
				}
				if now.State == storage.MessageProcessed {
					done++
				}
			}
			return nil
		})
		if err != nil {
			return processed, err
		}
		processed += done
		after = group[len(group)-1].Seq
	}
}

// catch is again for a message among others: one that cannot be read any more costs neither them nor the start.
func (in *Intake) catch(tx halong.Tx, m *storage.Message) (now *storage.Message, err error) {
	err = in.cfg.Messages.Attempt(tx, func() (err error) {
		now, err = in.again(tx, m.Seq)
		return err
	})
	switch halong.KindOf(err) {
	case halong.Transient, halong.Exhausted:
		return nil, err
	}
	if err == nil {
		return now, nil
	}
	in.cfg.Log.Error("message kept, not processed", slog.Uint64("message", m.Seq), slog.Any("error", err))
	m.Version, m.Note = in.version, "processing later failed: "+halong.KindOf(err).String()
	return m, in.cfg.Messages.UpdateMessage(tx, m)
}

// Reprocess looks again at one message that was only kept, and gives what became of it. One that is processed stays as
// it is. The error is of kind NotExist if there is no such message that the scope sees, Conflict if it was refused.
func (in *Intake) Reprocess(ctx context.Context, scope halong.Scope, seq uint64) (m *storage.Message, err error) {
	const op = "intake.Reprocess"
	if m, err = in.cfg.Messages.Message(ctx, scope, seq); err != nil {
		return nil, err
	}
	if m.State == storage.MessageRefused {
		return nil, halong.E(op, halong.Conflict, strconv.FormatUint(seq, 10), errWasRefused)
	}
	err = in.cfg.Updater.Update(ctx, func(tx halong.Tx) (err error) {
		m, err = in.again(tx, seq)
		return err
	})
	if err == nil {
		err = in.cfg.Patients.Finish(context.WithoutCancel(ctx), in.cfg.Updater)
	}
	return m, err
}

// again processes a message that was only kept, and notes so in the journal if that succeeds.
func (in *Intake) again(tx halong.Tx, seq uint64) (*storage.Message, error) {
	m, err := in.retry(tx, seq)
	if err != nil || m.State != storage.MessageProcessed || !m.again {
		return m.Message, err
	}
	_, _, err = in.cfg.Journal.Append(tx, storage.RecordReprocess, binary.AppendUvarint([]byte{reprocessRecord}, seq))
	return m.Message, err
}

// retried is a message that was looked at again.
type retried struct {
	*storage.Message
	again bool // it was not processed before
}

// retry processes a message that was only kept. What it writes is what apply would have written.
func (in *Intake) retry(tx halong.Tx, seq uint64) (retried, error) {
	m, err := in.cfg.Messages.MessageIn(tx, seq)
	if err != nil || m.State != storage.MessageKept {
		return retried{Message: m}, err
	}
	h, err := in.read(m)
	if err != nil {
		return retried{}, err
	}
	m.Type, m.Version = messageType(h), in.version
	does := in.table[m.Type]
	if does == nil {
		return retried{Message: m}, in.cfg.Messages.UpdateMessage(tx, m)
	}
	m.State = storage.MessageProcessed
	done, err := in.handle(does, tx, m, h, true)
	if err != nil {
		return retried{}, err
	}
	done.Answer = nil // its sender was answered long ago, and a duplicate is given that answer
	if err := in.settle(tx, m, h, done); err != nil {
		return retried{}, err
	}
	if err := in.cfg.Messages.UpdateMessage(tx, m); err != nil || m.State != storage.MessageProcessed {
		return retried{Message: m}, err
	}
	return retried{m, true}, in.tell(tx, halong.EventMessageReprocessed, m, m.Repeated)
}

// read gives what the bytes of a message say.
func (in *Intake) read(m *storage.Message) (*hl7v2.Message, error) {
	if in.cfg.Blobs == nil {
		return nil, halong.E("intake.reprocess", halong.Internal, strconv.FormatUint(m.Seq, 10), errNoRaw)
	}
	return parsed(in.cfg.Blobs, m)
}

// replayReprocess applies one record of kind RecordReprocess. A message that this version processed at its arrival
// already stays as it is.
func (in *Intake) replayReprocess(tx halong.Tx, rec storage.Record) error {
	const op = "intake.Replay"
	b := rec.Payload
	if len(b) < 2 || b[0] != reprocessRecord {
		return halong.E(op, halong.Corrupt, "", errors.New("a record of reprocessing that cannot be read"))
	}
	seq, n := binary.Uvarint(b[1:])
	if n != len(b)-1 {
		return halong.E(op, halong.Corrupt, "", errors.New("a record of reprocessing that cannot be read"))
	}
	_, err := in.retry(tx, seq)
	if halong.KindOf(err) == halong.NotExist { // the message's own record is damaged
		return halong.E(op, halong.Corrupt, strconv.FormatUint(seq, 10), err)
	}
	return err
}
