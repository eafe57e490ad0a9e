package lab

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
)

// Content is encapsulated data (ED, HL7 2.A.24) as they stand in a message.
type Content struct {
	value    hl7v2.Value // the data component
	encoding string      // of table 0299: base64, hex, or text
	escape   byte        // of the message; 0: none

	measured bool
	digest   halong.Digest
	size     int64
	err      error // they cannot be decoded
}

// The encodings of table 0299, in lower case.
const (
	encodedBase64 = "base64"
	encodedHex    = "hex"
	encodedText   = "a"
)

// encapsulated reads an ED value: source application, type, subtype, encoding, data. The data are not decoded here.
func (r *reader) encapsulated(o *Observation, v hl7v2.Value) Value {
	a := &Attachment{
		Source: v.Component(1).Text(), Type: v.Component(2).Text(), Subtype: v.Component(3).Text(), Encoding: v.Component(4).Text(),
	}
	data, components := v.Component(5), v.Repetition(1).Count()
	switch {
	case !data.Empty():
	case len(a.Source) >= minBare && components == 1, len(a.Encoding) >= minBare: // the data in another component than the fifth
		if data = v.Component(4); components == 1 {
			data, a.Source = v.Component(1), ""
		} else {
			a.Encoding = ""
		}
		o.warn("OBX-5 of type ED has its data in the wrong component")
	}
	a.Length = len(data.Raw())
	if a.Length == 0 {
		a.MediaType = mediaType(a.Type, a.Subtype)
		return Value{Attachment: a}
	}
	return r.attach(a, data)
}

// minBare is the length in bytes from which text is taken for data in Base64.
const minBare = 64

// bareDocument looks for a document in Base64 in a value of a text type, as some laboratories send
// them; nil if it is none. Only what begins as a known kind of document does is taken for one.
func bareDocument(typ string, v hl7v2.Value) *Attachment {
	raw := v.Raw()
	if len(raw) < minBare || typ != "ST" && typ != "TX" && typ != "FT" && typ != "" {
		return nil
	}
	for _, prefix := range []string{"JVBERi0", "/9j/", "iVBORw0KGgo"} { // %PDF-, JPEG, PNG
		if bytes.HasPrefix(raw, []byte(prefix)) && bytes.IndexByte(raw, ' ') < 0 {
			return &Attachment{Length: len(raw)}
		}
	}
	return nil
}

// attach remembers where an attachment's data are.
func (r *reader) attach(a *Attachment, data hl7v2.Value) Value {
	c := &Content{value: data, encoding: encodingOf(a.Encoding, data.Raw()), escape: r.m.Delimiters().Escape}
	if r.contents == nil {
		r.contents = map[*Attachment]*Content{}
	}
	r.contents[a] = c
	return Value{Attachment: a}
}

// encodingOf reads ED.4; without one, what the data look like decides.
func encodingOf(name string, data []byte) string {
	switch n := strings.ToLower(strings.TrimSpace(name)); {
	case n == "":
		if looksBase64(data) {
			return encodedBase64
		}
		return encodedText
	case strings.HasPrefix(n, "b"): // Base64, base-64, B64
		return encodedBase64
	case strings.HasPrefix(n, "h"):
		return encodedHex
	}
	return encodedText
}

// looksBase64 tells whether the beginning of data is Base64 without spaces, and too long for a word.
func looksBase64(data []byte) bool {
	if len(data) < minBare {
		return false
	}
	for _, c := range data[:minBare] {
		if sextet(c) < 0 {
			return false
		}
	}
	return true
}

// Reader decodes the data, a piece at a time. Its error tells that they are not what ED.4 says.
func (c *Content) Reader() io.Reader {
	switch c.encoding {
	case encodedBase64:
		return &base64Reader{in: c.value.Raw(), escape: c.escape}
	case encodedHex:
		return &hexReader{in: c.value.Raw(), escape: c.escape}
	}
	return strings.NewReader(c.value.Text())
}

// Size bounds the size of the decoded data, in bytes.
func (c *Content) Size() int64 {
	n := int64(len(c.value.Raw()))
	switch c.encoding {
	case encodedBase64:
		return n/4*3 + 3
	case encodedHex:
		return n / 2
	}
	return 2 * n
}

// Measured tells digest and size of the decoded data, for those who decode them before the report is filed; err, that they
// cannot be decoded.
func (c *Content) Measured(d halong.Digest, size int64, err error) {
	c.measured, c.digest, c.size, c.err = true, d, size, err
}

// Measure decodes the data to find their digest and size; the error tells that they cannot be decoded.
func (c *Content) Measure() (d halong.Digest, size int64, err error) {
	if !c.measured {
		h := sha256.New()
		n, err := io.Copy(h, c.Reader())
		c.Measured(halong.Digest(h.Sum(nil)), n, err)
	}
	return c.digest, c.size, c.err
}

// media tells the media type: what the data begin as goes before what the sender says.
func (c *Content) media(a *Attachment) string {
	head := make([]byte, magicLength)
	n, _ := io.ReadFull(c.Reader(), head) // short data, or an error that measure tells
	if t := sniff(head[:n]); t != "" {
		return t
	}
	if t := mediaType(a.Type, a.Subtype); t != octets || c.encoding != encodedText {
		return t
	}
	return "text/plain"
}
