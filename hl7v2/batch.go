package hl7v2

import "bytes"

// Batch is what one transmission holds: normally a single message, or several
// framed by file and batch headers (HL7 2.10.3).
type Batch struct {
	Header   []byte   // FHS and BHS segments as received; empty without them
	Messages [][]byte // each from its MSH to before the next header or trailer
	Trailer  []byte   // BTS and FTS segments as received
}

// SplitBatch divides b at lines that begin with FHS, BHS, BTS, FTS or MSH. The parts are
// slices of b in order; together they are all of b from its first segment on. Without any of these segments
// Messages holds b as its only element.
func SplitBatch(b []byte) Batch {
	var out Batch
	text := trimStart(b)
	if !bytes.HasPrefix(text, []byte("FHS")) && !bytes.HasPrefix(text, []byte("BHS")) &&
		bytes.Count(text, []byte("MSH")) < 2 {
		out.Messages = [][]byte{b}
		return out
	}
	out.cutLines(text)
	if len(out.Messages) < 2 && len(out.Header) == 0 {
		return Batch{Messages: [][]byte{b}}
	}
	return out
}

// cutLines walks the lines of text and closes a part at each header or trailer.
func (o *Batch) cutLines(text []byte) {
	var sep byte // field separator of the last header
	from, kind := 0, byte('H')
	lines := lineEnds{text: text, cr: -1, lf: -1}
	for at := 0; at < len(text); {
		end := lines.next(at)
		if k := lineKind(text[at:end], sep); k != 0 {
			o.put(kind, text[from:at])
			from, kind = at, k
			if k != 'T' {
				sep = text[at+3]
			}
		}
		at = end + 1
	}
	o.put(kind, text[from:])
}

// lineKind tells whether a line begins a header (H), a message (M) or a trailer
// (T), or none of these (0).
func lineKind(line []byte, sep byte) byte {
	if len(line) < 3 {
		return 0
	}
	switch string(line[:3]) {
	case "FHS", "BHS":
		if len(line) > 4 && isDelimiter(line[3]) {
			return 'H'
		}
	case "MSH":
		if len(line) > 4 && isDelimiter(line[3]) && (sep == 0 || line[3] == sep) {
			return 'M'
		}
	case "BTS", "FTS":
		if sep != 0 && (len(line) == 3 || line[3] == sep) {
			return 'T'
		}
	}
	return 0
}

func (o *Batch) put(kind byte, b []byte) {
	switch {
	case len(b) == 0:
	case kind == 'M':
		o.Messages = append(o.Messages, b)
	case kind == 'T':
		o.Trailer = append(o.Trailer, b...)
	default:
		o.Header = append(o.Header, b...)
	}
}
