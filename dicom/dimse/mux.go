package dimse

import (
	"context"
	"maps"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// Service serves the requests of the SOP Classes it is registered for.
type Service interface {
	// Serve answers one request. It may leave any part of the Data Set unread: the
	// rest is drained before the response is sent. Field, Message ID, SOP
	// Class and SOP Instance of the response are filled in where they are empty.
	// Pending responses go through rq.Pending before it returns. When the peer cancels a
	// C-FIND, C-GET or C-MOVE, ctx ends with the cause ErrCancelled; see Request.Watch.
	Serve(ctx context.Context, rq *Request) Response
}

// Request is a request as it arrives.
type Request struct {
	Association *Association
	Context     ul.Context
	Command     *Command
	Data        *DataSet // nil when there is none

	cancel context.CancelCauseFunc // of Serve's context; nil when the request cannot be cancelled
	beside bool                    // served beside others, while the next request is waited for
}

// Response is what a Service answers.
type Response struct {
	Command
	Data []byte // Data Set in the Presentation Context's Transfer Syntax; nil for none
}

// Answer makes a Response that is nothing but a status.
func Answer(s Status) Response { return Response{Command: Command{Status: s}} }

// Offer says how a SOP Class is served.
type Offer struct {
	Service Service
	// Accepts tells which Transfer Syntaxes are taken.
	Accepts func(dicom.UID) bool
	// PeerSCP lets the peer take the SCP role as well (PS3.7 D.3.3.4), so that this end
	// can send it requests on an Association that the peer requested.
	PeerSCP bool
	// Extended answers the SOP Class Extended Negotiation (PS3.7 D.3.3.5); nil: no answer.
	Extended func(application []byte) []byte
	// Concurrent lets Serve run beside that of other requests of the same Association, up to the negotiated Asynchronous Operations
	// Window: the next request is received as soon as the Data Set of this one was read to its end. Such a Service must not
	// Call on the Association. Others run alone, after all that is outstanding was answered.
	Concurrent bool
}

// Mux is the registry of the SOP Classes that an Application Entity serves. It
// must not be changed once it is used.
type Mux struct {
	exact map[dicom.UID]*Offer
	rules []rule
}

type rule struct {
	match func(dicom.UID) bool
	offer *Offer
}

// Handle registers the Abstract Syntax of a SOP Class.
func (m *Mux) Handle(class dicom.UID, o Offer) {
	if m.exact == nil {
		m.exact = map[dicom.UID]*Offer{}
	}
	m.exact[class] = &o
}

// HandleFunc registers every Abstract Syntax that match accepts and that is not
// registered by itself; the first rule that matches decides.
func (m *Mux) HandleFunc(match func(dicom.UID) bool, o Offer) {
	m.rules = append(m.rules, rule{match, &o})
}

// Offered gives the SOP Classes that are registered by themselves, in the order of their UIDs.
func (m *Mux) Offered(yield func(class dicom.UID, o *Offer) bool) {
	for _, class := range slices.Sorted(maps.Keys(m.exact)) {
		if !yield(class, m.exact[class]) {
			return
		}
	}
}

// Lookup finds how an Abstract Syntax is served; nil when it is not. A nil Mux
// serves nothing.
func (m *Mux) Lookup(class dicom.UID) *Offer {
	if m == nil {
		return nil
	}
	if o := m.exact[class]; o != nil {
		return o
	}
	for _, r := range m.rules {
		if r.match(class) {
			return r.offer
		}
	}
	return nil
}

// Negotiate answers the Presentation Contexts of a request (PS3.8 9.3.3.2). Of
// several Transfer Syntaxes the first acceptable one in the proposer's order is
// taken; Implicit VR Little Endian, which loses value representations, only if nothing else is offered.
func (m *Mux) Negotiate(rq *pdu.AssociateRQ) []pdu.ContextResult {
	list := make([]pdu.ContextResult, 0, len(rq.Contexts))
	for i := range rq.Contexts {
		list = append(list, m.negotiate(&rq.Contexts[i]))
	}
	return list
}

func (m *Mux) negotiate(c *pdu.ProposedContext) pdu.ContextResult {
	r := pdu.ContextResult{ID: c.ID, Result: pdu.TransferSyntaxesNotSupported}
	if len(c.TransferSyntaxes) > 0 {
		r.TransferSyntax = c.TransferSyntaxes[0] // not significant, but some peers want a UID here
	} else {
		r.TransferSyntax = dicom.ImplicitVRLittleEndian
	}
	offer := m.Lookup(c.AbstractSyntax)
	if offer == nil {
		r.Result = pdu.AbstractSyntaxNotSupported
		return r
	}
	for _, ts := range c.TransferSyntaxes {
		if ts != dicom.ImplicitVRLittleEndian && offer.Accepts(ts) {
			r.Result, r.TransferSyntax = pdu.Acceptance, ts
			return r
		}
	}
	if slices.Contains(c.TransferSyntaxes, dicom.ImplicitVRLittleEndian) && offer.Accepts(dicom.ImplicitVRLittleEndian) {
		r.Result, r.TransferSyntax = pdu.Acceptance, dicom.ImplicitVRLittleEndian
	}
	return r
}

// negotiateUser answers role selection and extended negotiation.
func (m *Mux) negotiateUser(rq *pdu.UserInformation) (u pdu.UserInformation) {
	for _, role := range rq.Roles {
		if o := m.Lookup(role.SOPClass); o != nil {
			u.Roles = append(u.Roles, pdu.RoleSelection{SOPClass: role.SOPClass, SCU: role.SCU, SCP: role.SCP && o.PeerSCP})
		}
	}
	for _, x := range rq.Extended {
		if o := m.Lookup(x.SOPClass); o != nil && o.Extended != nil {
			u.Extended = append(u.Extended, pdu.ExtendedNegotiation{SOPClass: x.SOPClass, Application: o.Extended(x.Application)})
		}
	}
	return u
}
