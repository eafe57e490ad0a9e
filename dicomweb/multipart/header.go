package multipart

import (
	"bytes"
	"strings"
)

// Field is one header field of a part.
type Field struct{ Name, Value string }

// Header is the header of a part, in order.
type Header []Field

// Get gives the value of the first field of that name in any case, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// addLine adds an unfolded or folded line (RFC 5322 2.2.3) without its line
// ending. It tells whether the line is a header line.
func (h *Header) addLine(line []byte) bool {
	if line[0] == ' ' || line[0] == '\t' {
		if len(*h) == 0 {
			return false
		}
		last := &(*h)[len(*h)-1]
		last.Value = strings.TrimSpace(last.Value + " " + string(bytes.TrimSpace(line)))
		return true
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	name = bytes.TrimRight(name, " \t")
	if !ok || len(name) == 0 {
		return false
	}
	for _, c := range name {
		if !isToken(c) {
			return false
		}
	}
	*h = append(*h, Field{string(name), string(bytes.TrimSpace(value))})
	return true
}
