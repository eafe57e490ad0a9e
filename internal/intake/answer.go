package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/storage"
)

// answerer makes the acknowledgements of one message. They depend on nothing but the message and what
// its record holds, so that replay makes the same.
type answerer struct {
	msg *storage.Message
	hl7 *hl7v2.Message // nil: it could not be read
}

// controlID makes the control ID (MSH-10, at most 20 characters before 2.4) of the n-th answer: from the
// message and its time, so that an answer is known before the message is stored.
func (w answerer) controlID(n int) string {
	var room [sha256.Size + 8 + 3]byte
	b := append(room[:0], w.msg.Digest[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(w.msg.Received.UnixMicro()))
	b = append(b, byte(w.msg.Reply.Part), byte(w.msg.Reply.Part>>8), byte(n))
	sum := sha256.Sum256(b)
	return base32.HexEncoding.EncodeToString(sum[:10]) // ten bytes need no padding
}

// The numbers of a message's answers.
const (
	acceptAnswer      = 0
	applicationAnswer = 1
)

// ack begins an acknowledgement.
func (w answerer) ack(code hl7v2.AckCode, errs ...hl7v2.AckError) hl7v2.Ack {
	return hl7v2.Ack{
		Code: code, Time: w.msg.Received, Application: w.msg.Reply.Application, Errors: errs,
		Plain: w.msg.Reply.Plain && !w.query(),
	}
}

// query tells whether the message asks for an answer with content, which a plain ACK cannot give.
func (w answerer) query() bool {
	code, _, _ := strings.Cut(w.msg.Type, "^")
	return hl7v2.IsQuery(code)
}

// encode writes the n-th answer. Application acknowledgements in enhanced mode are messages of their own, which
// want no answer.
func (w answerer) encode(n int, k hl7v2.Ack) []byte {
	k.ControlID = w.controlID(n)
	k.NoReply = w.hl7 != nil && w.mode().Enhanced && k.Code[0] == 'A'
	return k.Append(make([]byte, 0, 256), w.hl7)
}

func (w answerer) mode() hl7v2.AckMode {
	if w.hl7 == nil {
		return hl7v2.AckMode{Accept: hl7v2.Never, Application: hl7v2.Always}
	}
	return w.hl7.AckMode()
}

// accept makes the answers to a message that is stored: in enhanced mode the accept acknowledgement, and the
// application acknowledgement too, since processing is part of the same transaction. complete, if not nil, says what
// the latter has beyond acceptance.
func (w answerer) accept(complete func(*hl7v2.Ack)) (answers [][]byte) {
	mode := w.mode()
	if mode.Accept.Wanted(true) {
		answers = append(answers, w.encode(acceptAnswer, w.ack(hl7v2.CA)))
	}
	k := w.ack(hl7v2.AA)
	if complete != nil {
		complete(&k)
	}
	if mode.Application.Wanted(k.Code == hl7v2.AA) {
		answers = append(answers, w.encode(applicationAnswer, k))
	}
	return answers
}

// unanswered completes the answer to a query of a kind that nobody here answers: acceptance would say nothing.
func unanswered(k *hl7v2.Ack) {
	k.Code = hl7v2.AR
	k.Errors = append(k.Errors, hl7v2.AckError{Code: hl7v2.UnsupportedMessageType, Segment: "MSH", Number: 1, Field: 9, Text: "queries of this kind are not answered; the message is kept"})
	k.Plain = true
}

// withoutWarnings gives answers whose acceptances have neither ERR nor MSA-3: in an AA or CA these are warnings, which some programs take for failures.
func withoutWarnings(answers [][]byte) [][]byte {
	out := make([][]byte, len(answers))
	for i, a := range answers {
		out[i] = withoutWarning(a)
	}
	return out
}

func withoutWarning(answer []byte) []byte {
	out := make([]byte, 0, len(answer))
	for segment := range bytes.SplitAfterSeq(answer, []byte{'\r'}) {
		f := bytes.SplitN(bytes.TrimSuffix(segment, []byte{'\r'}), answer[len("MSH"):len("MSH|")], 4)
		switch {
		case string(f[0]) == "ERR":
			continue
		case string(f[0]) == "MSA" && string(f[1]) != string(hl7v2.AA) && string(f[1]) != string(hl7v2.CA):
			return answer
		case string(f[0]) == "MSA":
			segment = append(bytes.Join(f[:3], answer[len("MSH"):len("MSH|")]), '\r')
		}
		out = append(out, segment...)
	}
	return out
}

// negative makes the answer to what is not taken or not stored, by the kind of error: one of the
// two acknowledgements, the accept one if the sender wants it.
func (w answerer) negative(kind halong.Kind, e hl7v2.AckError) [][]byte {
	mode, code := w.mode(), codes[kind]
	switch {
	case mode.Accept.Wanted(false):
		return [][]byte{w.encode(acceptAnswer, w.ack(code.accept, e))}
	case mode.Application.Wanted(false):
		return [][]byte{w.encode(applicationAnswer, w.ack(code.original, e))}
	}
	return nil
}

// reject answers a message that could not be stored. The sender learns the kind of error, not its cause.
func (w answerer) reject(err error) [][]byte {
	kind := halong.KindOf(err)
	return w.negative(kind, hl7v2.AckError{Code: hl7v2.ApplicationInternalError, Text: "not stored (" + kind.String() + "): send again later"})
}

// The kinds of what is not taken.
const (
	kindUnreadable = halong.Invalid
	kindOversized  = halong.Exhausted
	kindNotStored  = halong.Transient // for instance: the store's own kind decides
)

// codes is the one map from kind of error to acknowledgement code.
var codes = map[halong.Kind]struct{ original, accept hl7v2.AckCode }{
	halong.Invalid:     {hl7v2.AE, hl7v2.CE},
	halong.Unsupported: {hl7v2.AR, hl7v2.CR},
	halong.NotExist:    {hl7v2.AE, hl7v2.CE},
	halong.Conflict:    {hl7v2.AE, hl7v2.CE},
	halong.Permission:  {hl7v2.AR, hl7v2.CE},
	halong.Exhausted:   {hl7v2.AR, hl7v2.CE},
	halong.Transient:   {hl7v2.AR, hl7v2.CE},
	halong.Corrupt:     {hl7v2.AR, hl7v2.CE},
	halong.Internal:    {hl7v2.AR, hl7v2.CE},
}

// reasonOf turns a parse error into an ERR entry.
func reasonOf(err error) hl7v2.AckError {
	e := hl7v2.AckError{Code: hl7v2.SegmentSequenceError, Text: err.Error()}
	var s *hl7v2.SyntaxError
	if !errors.As(err, &s) {
		return e
	}
	e.Segment, e.Number, e.Field = s.Segment, s.Number, s.Field
	e.Text = s.Reason + " (offset " + strconv.Itoa(s.Offset) + ")"
	if s.Field > 0 {
		e.Code = hl7v2.DataTypeError
	}
	return e
}

func sizeReason(f mllp.Frame) string {
	return fmt.Sprintf("block of %d bytes is larger than the limit of %d", f.Total, len(f.Bytes))
}
