package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// controlID makes the control ID (MSH-10, at most 20 characters before 2.4) of the n-th answer: from the
// message and its time, so that an answer is known before the message is stored.
func (a *arrival) controlID(n int) string {
	b := append([]byte(nil), a.msg.Digest[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(a.msg.Received.UnixMicro()))
	b = append(b, byte(a.part), byte(a.part>>8), byte(n))
	sum := sha256.Sum256(b)
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10])
}

// ack writes an acknowledgement.
func (a *arrival) ack(n int, code hl7v2.AckCode, errs ...hl7v2.AckError) []byte {
	k := hl7v2.Ack{
		Code: code, ControlID: a.controlID(n), Time: a.msg.Received, Application: a.in.cfg.Application, Errors: errs,
		NoReply: a.hl7 != nil && a.mode().Enhanced && code[0] == 'A',
	}
	return k.Append(make([]byte, 0, 256), a.hl7)
}

func (a *arrival) mode() hl7v2.AckMode {
	if a.hl7 == nil {
		return hl7v2.AckMode{Accept: hl7v2.Never, Application: hl7v2.Always}
	}
	return a.hl7.AckMode()
}

// accept makes the answers to a message that will be stored: in enhanced mode the
// accept acknowledgement, and the application acknowledgement too, since
// processing is part of the same transaction.
func (a *arrival) accept() (answers [][]byte) {
	mode := a.mode()
	if mode.Accept.Wanted(true) {
		answers = append(answers, a.ack(0, hl7v2.CA))
	}
	if mode.Application.Wanted(true) {
		answers = append(answers, a.ack(1, hl7v2.AA))
	}
	return answers
}

// negative makes the answer to what is not taken or not stored, by the kind of error: one of the
// two acknowledgements, the accept one if the sender wants it.
func (a *arrival) negative(kind halong.Kind, e hl7v2.AckError) [][]byte {
	mode, code := a.mode(), codes[kind]
	switch {
	case mode.Accept.Wanted(false):
		return [][]byte{a.ack(0, code.accept, e)}
	case mode.Application.Wanted(false):
		return [][]byte{a.ack(1, code.original, e)}
	}
	return nil
}

// reject answers a message that could not be stored. The sender learns the kind of error, not its cause.
func (a *arrival) reject(err error) [][]byte {
	kind := halong.KindOf(err)
	return a.negative(kind, hl7v2.AckError{Code: hl7v2.ApplicationInternalError, Text: "not stored (" + kind.String() + "): send again later"})
}

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

// batchAnswer joins the acknowledgements of a batch's messages into one block (HL7 2.10.3.3), with the
// delimiters of its header, which the messages have too, and its control ID (BHS-11) in BHS-12.
func batchAnswer(header []byte, answers [][]byte) [][]byte {
	if len(answers) == 0 {
		return nil
	}
	sep := header[3:4]
	encoding, reference := []byte(`^~\&`), []byte(nil)
	for _, line := range bytes.FieldsFunc(header, func(r rune) bool { return r == '\r' || r == '\n' }) {
		f := bytes.Split(line, sep)
		if len(f) > 1 && len(f[1]) > 0 && len(f[1]) <= 5 {
			encoding = f[1]
		}
		if bytes.HasPrefix(line, []byte("BHS")) && len(f) > 10 {
			reference = f[10]
		}
	}
	b := append(append([]byte("BHS"), sep...), encoding...)
	if len(reference) > 0 {
		b = append(append(b, bytes.Repeat(sep, 10)...), reference...)
	}
	b = append(b, '\r')
	b = append(b, bytes.Join(answers, nil)...)
	b = append(append(append(b, "BTS"...), sep...), strconv.Itoa(len(answers))+"\r"...)
	return [][]byte{b}
}
