package json

import (
	"github.com/halong-gateway/halong/dicom"
)

// blocks gives private elements of an XML data set, whose tags leave the block out, a block
// of their creator's (PS3.5 7.8.1).
type blocks map[dicom.Tag]block

// block is a private creator element.
type block struct {
	creator string // as a JSON string
	written bool   // the document has the element
}

// note remembers a creator element that the document has.
func (b blocks) note(t dicom.Tag, content []byte) {
	s := scanner{b: content}
	if key, err := s.key(nil); err != nil || string(key) != "Value" || s.expect('[') != nil {
		return
	}
	if text, err := s.str(nil); err == nil {
		b[t] = block{string(text), true}
	}
}

// of gives the block of a creator in a group, a free one if it has none yet.
func (b blocks) of(group uint16, creator string) (uint16, bool) {
	free := uint16(0)
	for n := uint16(0x10); n <= 0xFF; n++ {
		have, ok := b[dicom.NewTag(group, n)]
		if ok && have.creator == creator {
			return n, true
		}
		if !ok && free == 0 {
			free = n
		}
	}
	if free != 0 {
		b[dicom.NewTag(group, free)] = block{creator: creator}
	}
	return free, free != 0
}

// append writes the creators that the document lacks; Decode puts them in order.
func (b blocks) append(dst []byte) []byte {
	for t, have := range b {
		if have.written {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(appendTag(append(dst, '"'), t), `":{"vr":"LO","Value":[`...)
		dst = append(appendString(dst, have.creator), "]}"...)
	}
	return dst
}
