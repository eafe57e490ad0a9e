package pdu

import "github.com/halong-gateway/halong/dicom"

// MaxContexts is how many Presentation Contexts an association can have: their
// IDs are the odd numbers from 1 to 255 (PS3.8 9.3.2.2).
const MaxContexts = 128

// ProposedContext is a Presentation Context Item of an A-ASSOCIATE-RQ (PS3.8 9.3.2.2).
type ProposedContext struct {
	ID               uint8
	AbstractSyntax   dicom.UID
	TransferSyntaxes []dicom.UID // in the proposer's order
}

// ContextResult is a Presentation Context Item of an A-ASSOCIATE-AC (PS3.8 9.3.3.2).
type ContextResult struct {
	ID             uint8
	Result         Result
	TransferSyntax dicom.UID // the accepted one; not significant unless Result is Acceptance
}

// Result says what became of a proposed Presentation Context (PS3.8 table 9-18).
type Result uint8

// The results.
const (
	Acceptance                    Result = 0
	UserRejection                 Result = 1
	ProviderRejection             Result = 2
	AbstractSyntaxNotSupported    Result = 3
	TransferSyntaxesNotSupported  Result = 4
	resultCount                          = 5
	maxTransferSyntaxesPerContext        = 256
)

var resultNames = [resultCount]string{
	"acceptance", "user rejection", "no reason (provider rejection)",
	"abstract syntax not supported", "transfer syntaxes not supported",
}

// String gives the standard's words.
func (r Result) String() string {
	if int(r) < len(resultNames) {
		return resultNames[r]
	}
	return "unknown result"
}

// seenIDs remembers Presentation Context IDs.
type seenIDs [4]uint64

// add tells whether id was there already.
func (s *seenIDs) add(id uint8) bool {
	bit := uint64(1) << (id % 64)
	was := s[id/64]&bit != 0
	s[id/64] |= bit
	return was
}

// contextID takes the ID and three reserved bytes' worth of header; the third
// is the result in an A-ASSOCIATE-AC.
func (r *reader) contextID() (id, result uint8) {
	at := r.at
	b := r.take(4, "presentation context item")
	if b == nil {
		return 0, 0
	}
	if b[0]&1 == 0 {
		r.at = at
		r.fail(InvalidParameterValue, "presentation context ID is even")
	}
	return b[0], b[2]
}

func (r *reader) proposedContext() (c ProposedContext) {
	c.ID, _ = r.contextID()
	abstract := 0
	for r.more() {
		typ, _, it := r.item()
		switch typ {
		case itemAbstractSyntax:
			abstract++
			c.AbstractSyntax = it.uidRest()
		case itemTransferSyntax:
			c.TransferSyntaxes = append(c.TransferSyntaxes, it.uidRest())
		}
		r.adopt(&it)
	}
	switch {
	case r.err != nil:
	case abstract != 1:
		r.fail(InvalidParameterValue, "presentation context without exactly one abstract syntax")
	case len(c.TransferSyntaxes) > maxTransferSyntaxesPerContext:
		r.fail(InvalidParameterValue, "too many transfer syntaxes in a presentation context")
	}
	return c
}

func (r *reader) contextResult() (c ContextResult) {
	id, result := r.contextID()
	c.ID, c.Result = id, Result(result)
	for r.more() {
		typ, _, it := r.item()
		if typ == itemTransferSyntax {
			c.TransferSyntax = it.uidRest()
		}
		r.adopt(&it)
	}
	return c
}

func (w *writer) proposedContext(c *ProposedContext) {
	at := w.open(itemContextRQ, 0)
	w.b = append(w.b, c.ID, 0, 0, 0)
	w.uid(itemAbstractSyntax, c.AbstractSyntax)
	for _, ts := range c.TransferSyntaxes {
		w.uid(itemTransferSyntax, ts)
	}
	w.shut(at)
}

func (w *writer) contextResult(c *ContextResult) {
	at := w.open(itemContextAC, 0)
	w.b = append(w.b, c.ID, 0, byte(c.Result), 0)
	w.uid(itemTransferSyntax, c.TransferSyntax)
	w.shut(at)
}
