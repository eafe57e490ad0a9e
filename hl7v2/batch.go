package hl7v2

import (
	"bytes"
	"strconv"
)

// Batch is what one transmission holds: normally a single message, or several
// framed by file and batch headers (HL7 2.10.3).
type Batch struct {
	Header   []byte   // FHS and BHS segments as received; empty without them
	Messages [][]byte // each from its MSH to before the next header or trailer
	Trailer  []byte   // BTS and FTS segments as received

	File        []byte       // FHS segment; empty without one
	FileTrailer []byte       // FTS segment; empty without one
	Groups      []BatchGroup // the batches of the file in order; nil for a single message without headers and trailers
}

// BatchGroup is one batch of a file.
type BatchGroup struct {
	Header   []byte // BHS segment; empty: messages that stand outside of any
	Messages [][]byte
	Trailer  []byte // BTS segment; empty without one
}

// Announced gives the count in a trailer segment, of a batch's messages (BTS-1) or a file's batches (FTS-1); ok is false where it has none.
func Announced(trailer []byte) (n int, ok bool) {
	if len(trailer) < 4 {
		return 0, false
	}
	count := trailer[4:]
	if i := bytes.IndexAny(count, string(rune(trailer[3]))+"\r\n"); i >= 0 {
		count = count[:i]
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(count)))
	return n, err == nil && n >= 0
}

// Reference gives the control ID of a header segment (FHS-11, BHS-11) as it stands, and the delimiters it declares.
func Reference(header []byte) (id []byte, d Delimiters, ok bool) {
	if i := bytes.IndexAny(header, "\r\n"); i >= 0 {
		header = header[:i]
	}
	d, reason := parseDelimiters(header)
	if reason != "" {
		return nil, Standard, false
	}
	if f := bytes.Split(header, []byte{d.Field}); len(f) > 10 {
		id = f[10]
	}
	return id, d, true
}

// Encoding gives MSH-2: the delimiters after the field separator.
func (d Delimiters) Encoding() []byte { return d.encoding() }

// SplitBatch divides b at lines that begin with FHS, BHS, BTS, FTS or MSH. The parts are
// slices of b in order; together they are all of b from its first segment on. Without any of these segments
// Messages holds b as its only element; so it does where only a trailer is there beside a single message, which keeps it.
func SplitBatch(b []byte) Batch {
	var out batchReader
	text := trimStart(b)
	if !bytes.HasPrefix(text, []byte("FHS")) && !bytes.HasPrefix(text, []byte("BHS")) &&
		bytes.Count(text, []byte("MSH")) < 2 && !endsBatch(text) {
		out.Messages = [][]byte{b}
		return out.Batch
	}
	out.cutLines(text)
	if len(out.Messages) < 2 && len(out.Header) == 0 {
		if len(out.Messages) == 0 || len(out.Trailer) == 0 {
			return Batch{Messages: [][]byte{b}}
		}
		out.Messages[0], out.Groups[0].Messages[0] = b, b
	}
	return out.Batch
}

// mostTrailer bounds where the beginning of a trailer is looked for, in bytes: a document may be as long as it likes.
const mostTrailer = 4 << 10

// endsBatch tells whether the last line of a message is a trailer. The headers of a batch may be left out, its trailer need not be (HL7 2.10.3.1).
func endsBatch(text []byte) bool {
	text = bytes.TrimRight(text, "\r\n")
	last := text[max(0, len(text)-mostTrailer):]
	return len(text) > 3 && string(text[:3]) == "MSH" && lineKind(last[bytes.LastIndexAny(last, "\r\n")+1:], text[3]) == 'T'
}

// batchReader sorts the parts of a transmission.
type batchReader struct {
	Batch
	ended bool // a trailer came last
}

// cutLines walks the lines of text and closes a part at each header or trailer.
func (o *batchReader) cutLines(text []byte) {
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

func (o *batchReader) put(kind byte, b []byte) {
	if len(b) > 0 {
		o.group(kind, b)
	}
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

// group puts a part where it belongs in the nesting of file, batches and messages.
func (o *batchReader) group(kind byte, b []byte) {
	switch name := string(b[:min(3, len(b))]); {
	case name == "FHS":
		o.File = b
	case name == "FTS":
		o.FileTrailer = b
	case name == "BTS" && len(o.Groups) > 0:
		o.Groups[len(o.Groups)-1].Trailer = b
	case name == "BHS":
		o.Groups = append(o.Groups, BatchGroup{Header: b})
	case kind == 'M' && (len(o.Groups) == 0 || o.ended):
		o.Groups = append(o.Groups, BatchGroup{Messages: [][]byte{b}})
	case kind == 'M':
		g := &o.Groups[len(o.Groups)-1]
		g.Messages = append(g.Messages, b)
	}
	o.ended = kind == 'T'
}
