package negotiate

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// Pair is what a Presentation Context is needed for: a SOP Class, and the
// Transfer Syntax an object of it is stored in.
type Pair struct{ SOPClass, TransferSyntax dicom.UID }

// targets are the Transfer Syntaxes that uncompressed objects can be given in, the best first (PS3.5 10.1).
var targets = []dicom.UID{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian, dicom.ExplicitVRBigEndian}

// Convertible tells whether objects in a Transfer Syntax can be given in other
// ones without a codec: the three native ones, and deflated ones.
func Convertible(ts dicom.UID) bool {
	t, ok := dicom.LookupTransferSyntax(ts)
	return ok && t.Pixels && !t.Encapsulated
}

// Contexts gives what is proposed for a pair: the stored Transfer Syntax alone, so that it is taken where
// possible, and the default ones in a context of their own if the object can be given in them.
func Contexts(p Pair) []pdu.ProposedContext {
	list := []pdu.ProposedContext{{AbstractSyntax: p.SOPClass, TransferSyntaxes: []dicom.UID{p.TransferSyntax}}}
	if !Convertible(p.TransferSyntax) {
		return list
	}
	var others []dicom.UID
	for _, ts := range targets[:2] {
		if ts != p.TransferSyntax {
			others = append(others, ts)
		}
	}
	return append(list, pdu.ProposedContext{AbstractSyntax: p.SOPClass, TransferSyntaxes: others})
}

// Accepted are the Presentation Contexts that a peer accepted: a *dimse.Association.
type Accepted interface {
	Find(class, syntax dicom.UID) (ul.Context, bool)
}

// Choose gives the accepted Presentation Context for an object: with the stored Transfer Syntax if the peer took
// it, else with one that the object can be converted to; false when there is none.
func Choose(a Accepted, p Pair) (ul.Context, bool) {
	if c, ok := a.Find(p.SOPClass, p.TransferSyntax); ok || !Convertible(p.TransferSyntax) {
		return c, ok
	}
	for _, ts := range targets {
		if c, ok := a.Find(p.SOPClass, ts); ok {
			return c, true
		}
	}
	return ul.Context{}, false
}

// Proposal gathers the Presentation Contexts of one A-ASSOCIATE-RQ, of which
// there is room for 128 (PS3.8 9.3.2.2). The zero Proposal is empty and ready for use.
type Proposal struct {
	contexts []pdu.ProposedContext
	pairs    map[Pair]bool
}

// Add adds what a pair needs, unless it is there already; false when there is no room for it.
func (p *Proposal) Add(x Pair) bool {
	if p.pairs[x] {
		return true
	}
	more := Contexts(x)
	if len(p.contexts)+len(more) > pdu.MaxContexts {
		return false
	}
	if p.pairs == nil {
		p.pairs = map[Pair]bool{}
	}
	p.pairs[x] = true
	p.contexts = append(p.contexts, more...)
	return true
}

// AddContext adds a Presentation Context that no stored object needs, of another service; false when there is no room.
func (p *Proposal) AddContext(c pdu.ProposedContext) bool {
	if len(p.contexts) == pdu.MaxContexts {
		return false
	}
	p.contexts = append(p.contexts, c)
	return true
}

// Has tells whether a pair was added.
func (p *Proposal) Has(x Pair) bool { return p.pairs[x] }

// Contexts gives the Presentation Contexts in the order in which they were added.
func (p *Proposal) Contexts() []pdu.ProposedContext { return p.contexts }
