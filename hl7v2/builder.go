package hl7v2

import (
	"strconv"
	"strings"
	"time"
)

// Header is what a built message says of itself in MSH (HL7 2.14.9).
type Header struct {
	SendingApplication, SendingFacility     string // MSH-3, MSH-4
	ReceivingApplication, ReceivingFacility string // MSH-5, MSH-6
	Time                                    time.Time
	Type                                    [3]string // MSH-9: "ORU", "R01", "ORU_R01"
	ControlID                               string    // MSH-10
	Processing                              string    // MSH-11; empty: P
	Version                                 string    // MSH-12; empty: 2.5.1
}

// Builder builds a message, or the segments that an acknowledgement has after MSA and ERR,
// from text by path. Its zero value has no segments. The first mistake is remembered and given by Encode.
type Builder struct {
	segments []*node
	err      error
}

// node is a segment, field, repetition, component or subcomponent: either text or parts.
type node struct {
	name  string // of a segment
	text  string // in UTF-8, without escape sequences
	raw   bool   // text is encoded already, with the standard delimiters
	parts []*node
}

// NewBuilder begins a message with its MSH segment. MSH-18 is written by Encode.
func NewBuilder(h Header) *Builder {
	b := &Builder{}
	b.Add("MSH")
	for n, s := range map[int]string{3: h.SendingApplication, 4: h.SendingFacility, 5: h.ReceivingApplication, 6: h.ReceivingFacility} {
		b.Set("MSH-"+strconv.Itoa(n), s)
	}
	if !h.Time.IsZero() {
		b.Set("MSH-7", h.Time.Format("20060102150405-0700"))
	}
	for i, s := range h.Type {
		b.Set("MSH-9."+strconv.Itoa(i+1), s)
	}
	b.Set("MSH-10", h.ControlID)
	b.Set("MSH-11", orElse(h.Processing, "P"))
	return b.Set("MSH-12", orElse(h.Version, defaultVersion))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Add adds a segment of that name at the end. Paths number the segments of a name from 1: after a
// second Add("OBX") it is "OBX[2]".
func (b *Builder) Add(name string) *Builder {
	if len(name) != 3 || !isName([]byte(name)) {
		return b.fail(&SyntaxError{Segment: name, Reason: "not a segment name"})
	}
	b.segments = append(b.segments, &node{name: name})
	return b
}

// Set puts text at a path: "PID-3.1", "OBX[2]-5.1", "PID-3[2].4.2". The segment is added at the end if it
// is the next of its name. Text is UTF-8 and is written with escape sequences; a line end becomes \.br\. A
// path without a component sets the first one of a repetition whose other components stay; empty text empties the place.
func (b *Builder) Set(path, text string) *Builder { return b.put(path, node{text: text}) }

// SetName puts a person's name whose parts are divided by ^ as in DICOM (PS3.5 6.2.1: prefix before suffix) at the components of a path, from
// the first on for XPN, or after as many others as XCN and PPN have before it. Of the component groups behind = (PS3.5 6.2.1.1) a field of XPN gets repetitions, the
// ideographic one called I and the phonetic one P in XPN.8 (table 0465).
func (b *Builder) SetName(path string, before int, name string) *Builder {
	groups := strings.Split(name, "=")
	for g, representation := range []string{"", "I", "P"} {
		if g >= len(groups) || g > 0 && (groups[g] == "" || before > 0) {
			continue
		}
		to := path
		if g > 0 {
			to += "[" + strconv.Itoa(g+1) + "]"
			b.Set(to+".8", representation)
		}
		parts := strings.Split(groups[g], "^")
		for i, c := range []int{1, 2, 3, 5, 4} { // family, given, middle, prefix, suffix
			if i < len(parts) {
				b.Set(to+"."+strconv.Itoa(before+c), parts[i])
			}
		}
	}
	return b
}

// SetRaw puts at a path what is encoded with the standard delimiters already, such as "GLU^Glucose^L".
func (b *Builder) SetRaw(path, encoded string) *Builder {
	return b.put(path, node{text: encoded, raw: true})
}

// Copy adds a segment of a received message at the end, with all its parts.
func (b *Builder) Copy(s Segment) *Builder {
	if !s.Exists() {
		return b
	}
	n := &node{name: s.Name()}
	for _, f := range s.Fields(nil)[1:] {
		n.parts = append(n.parts, copyNode(f))
	}
	b.segments = append(b.segments, n)
	return b
}

// Err gives the first mistake: a path that is none, a segment that is not there.
func (b *Builder) Err() error { return b.err }

func (b *Builder) fail(err error) *Builder {
	if b.err == nil {
		b.err = err
	}
	return b
}
