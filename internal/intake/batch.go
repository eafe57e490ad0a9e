package intake

import (
	"bytes"
	"strconv"

	"github.com/halong-gateway/halong/hl7v2"
)

// batch takes the messages of a file or batch one by one, each a transaction of its own, and answers in the form it
// came in (HL7 2.10.3): acknowledgements between FHS and FTS, BHS and BTS, where those were there.
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
		if len(g.Header) == 0 {
			loose = append(loose, answers...)
		} else if len(answers) > 0 {
			groups = append(groups, enclose("BHS", "BTS", g.Header, len(answers), answers))
		}
	}
	all := append(loose, groups...)
	switch {
	case len(all) == 0:
		return nil
	case len(b.File) > 0:
		return [][]byte{enclose("FHS", "FTS", b.File, len(groups), all)}
	case len(groups) > 0:
		return [][]byte{bytes.Join(all, nil)}
	}
	return loose
}

// enclose writes a header and trailer around answers, with the delimiters of the header that came, which the messages
// have too, and its control ID (FHS-11, BHS-11) in the field after it. n is what the trailer counts.
func enclose(begin, end string, header []byte, n int, answers [][]byte) []byte {
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
	return append(append(append(out, end...), d.Field), strconv.Itoa(n)+"\r"...)
}
