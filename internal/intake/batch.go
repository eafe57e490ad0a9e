package intake

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/halong-gateway/halong/hl7v2"
)

// batch takes the messages of a file or batch one by one, each a transaction of its own, and answers in the form it
// came in (HL7 2.10.3): acknowledgements between FHS and FTS, BHS and BTS, where those were there. Trailers that count otherwise than what came
// cost no message: the sender reads of it in the comment of its answer's trailer (BTS-2, FTS-2), operators in the log.
func (a *arrival) batch(b *hl7v2.Batch) [][]byte {
	var loose, groups [][]byte
	part := 0
	for i := range b.Groups {
		g := &b.Groups[i]
		var answers [][]byte
		for _, raw := range g.Messages {
			one := *a
			one.msg.Reply.Part = part
			answers = append(answers, one.message(raw)...)
			a.outcome = one.outcome
			part++
		}
		remark := a.miscounted(g.Trailer, len(g.Messages), "messages")
		if len(g.Header) == 0 {
			loose = append(loose, answers...)
		} else if len(answers) > 0 {
			groups = append(groups, enclose("BHS", "BTS", g.Header, len(answers), remark, answers))
		}
	}
	remark := a.miscounted(b.FileTrailer, batches(b), "batches")
	all := append(loose, groups...)
	switch {
	case len(all) == 0:
		return nil
	case len(b.File) > 0:
		return [][]byte{enclose("FHS", "FTS", b.File, len(groups), remark, all)}
	case len(groups) > 0:
		return [][]byte{bytes.Join(all, nil)}
	}
	return loose
}

// batches counts the batches of a file, whose messages may be one without BHS.
func batches(b *hl7v2.Batch) (n int) {
	for i := range b.Groups {
		if len(b.Groups[i].Header) > 0 {
			n++
		}
	}
	return max(n, 1)
}

// miscounted tells, and logs, that a trailer announces another number than what came; empty where it does not. Its text holds no delimiters.
func (a *arrival) miscounted(trailer []byte, came int, what string) string {
	n, ok := hl7v2.Announced(trailer)
	if !ok || n == came {
		return ""
	}
	a.log(slog.LevelWarn, "batch with another number of "+what+" than its trailer announces", slog.Int("announced", n), slog.Int("came", came))
	if a.rule.NoWarnings {
		return ""
	}
	return fmt.Sprintf("%d %s announced and %d came", n, what, came)
}

// enclose writes a header and trailer around answers, with the delimiters of the header that came, which the messages
// have too, and its control ID (FHS-11, BHS-11) in the field after it. n is what the trailer counts, remark its comment.
func enclose(begin, end string, header []byte, n int, remark string, answers [][]byte) []byte {
	reference, d, ok := hl7v2.Reference(header)
	if !ok {
		reference = nil
	}
	out := append(append([]byte(begin), d.Field), d.Encoding()...)
	if len(reference) > 0 {
		out = append(append(out, bytes.Repeat([]byte{d.Field}, 10)...), reference...)
	}
	out = append(out, '\r')
	out = append(out, bytes.Join(answers, nil)...)
	out = append(append(append(out, end...), d.Field), strconv.Itoa(n)...)
	if remark != "" {
		out = append(append(out, d.Field), remark...)
	}
	return append(out, '\r')
}
