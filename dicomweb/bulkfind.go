package dicomweb

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
)

// bulkValue is a value that was found, and what says how to give it out.
type bulkValue struct {
	token  dataset.Token
	media  string // MIME Type of Encapsulated Document, if harmless
	length int64  // without padding, where the object tells
}

var errNoBulk = fail(http.StatusNotFound, "The SOP Instance has no such value.")

// find reads the head up to the value that path names.
func find(r *dataset.Reader, path []dicomjson.Step) (*bulkValue, error) {
	for {
		t, err := r.Next()
		if err != nil {
			return nil, endOfSearch(err)
		}
		found := t.Tag == path[0].Tag
		switch {
		case t.Kind == dataset.ItemEnd:
			return nil, errNoBulk
		case t.Kind == dataset.SequenceStart && found && len(path) > 1:
			if err := enter(r, path[0].Item); err != nil {
				return nil, err
			}
			path = path[1:]
		case t.Kind == dataset.SequenceStart:
			if err := leave(r); err != nil {
				return nil, err
			}
		case found && len(path) == 1 && (t.Kind == dataset.DataElement || t.Kind == dataset.FragmentsStart):
			return describe(r, t), nil
		}
	}
}

// enter goes to the beginning of an item, counted from 0, of the sequence just begun.
func enter(r *dataset.Reader, item int) error {
	for {
		t, err := r.Next()
		switch {
		case err != nil:
			return endOfSearch(err)
		case t.Kind == dataset.SequenceEnd:
			return errNoBulk
		case t.Kind == dataset.ItemStart && item == 0:
			return nil
		case t.Kind == dataset.ItemStart:
			item--
			if err := leave(r); err != nil {
				return err
			}
		}
	}
}

// leave goes to the end of the sequence or item just begun.
func leave(r *dataset.Reader) error {
	for depth := 1; depth > 0; {
		t, err := r.Next()
		if err != nil {
			return endOfSearch(err)
		}
		switch t.Kind {
		case dataset.SequenceStart, dataset.ItemStart:
			depth++
		case dataset.SequenceEnd, dataset.ItemEnd:
			depth--
		}
	}
	return nil
}

func endOfSearch(err error) error {
	if err == io.EOF {
		return errNoBulk
	}
	return halong.E("dicomweb.bulkdata", halong.Corrupt, "", err)
}

// describe reads on for what stands behind an encapsulated document (PS3.3
// C.24.2). Whatever is missing there only makes the description poorer.
func describe(r *dataset.Reader, t dataset.Token) *bulkValue {
	v := &bulkValue{token: t, length: int64(t.Length)}
	for t.Kind == dataset.DataElement && t.Tag == tag.EncapsulatedDocument {
		next, err := r.Next()
		if err != nil || next.Kind != dataset.DataElement || next.Tag > tag.EncapsulatedDocumentLength || next.Length > 256 {
			break
		}
		b, err := r.ValueLE()
		if err != nil {
			break
		}
		v.take(next, b)
	}
	return v
}

func (v *bulkValue) take(t dataset.Token, value []byte) {
	switch t.Tag {
	case tag.MIMETypeOfEncapsulatedDocument:
		m := strings.ToLower(strings.Trim(string(value), " \x00"))
		if harmless(m) {
			v.media = m
		}
	case tag.EncapsulatedDocumentLength:
		s := dataset.Set{Elements: []dataset.Element{{Tag: t.Tag, VR: t.VR, Value: value}}}
		if n, ok := s.Int(t.Tag); ok && n == v.length-1 {
			v.length = n
		}
	}
}

// harmless tells whether a document of the type may be given out as such. The
// sender of an object chooses it; HTML or SVG would run in the reader's browser as our own page.
func harmless(media string) bool {
	switch media {
	case "application/pdf", "model/stl", "model/obj", "model/mtl", "application/sla",
		"text/plain", "image/jpeg", "image/png", "video/mp4", "audio/wav":
		return true
	}
	return false
}

// swapWord gives how many bytes of the value are swapped together, 1 for none.
func (v *bulkValue) swapWord(ts *dicom.TransferSyntax) int {
	if !ts.BigEndian {
		return 1
	}
	return v.token.VR.WordSize()
}

func (v *bulkValue) tagParts() []string {
	return []string{strconv.FormatInt(v.token.ValueOffset, 10), strconv.FormatInt(v.length, 10), v.media}
}
