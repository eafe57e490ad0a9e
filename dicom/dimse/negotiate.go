package dimse

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Negotiate answers the Presentation Contexts of a request (PS3.8 9.3.3.2). Of
// several Transfer Syntaxes the first acceptable one in the proposer's order is
// taken; Implicit VR Little Endian, which loses value representations, only if nothing else is offered.
func (m *Mux) Negotiate(rq *pdu.AssociateRQ) []pdu.ContextResult {
	list := make([]pdu.ContextResult, 0, len(rq.Contexts))
	for i := range rq.Contexts {
		list = append(list, m.negotiate(&rq.Contexts[i], rq.User.CommonExtended))
	}
	return list
}

func (m *Mux) negotiate(c *pdu.ProposedContext, related []pdu.CommonExtendedNegotiation) pdu.ContextResult {
	r := pdu.ContextResult{ID: c.ID, Result: pdu.TransferSyntaxesNotSupported}
	if len(c.TransferSyntaxes) > 0 {
		r.TransferSyntax = c.TransferSyntaxes[0] // not significant, but some peers want a UID here
	} else {
		r.TransferSyntax = dicom.ImplicitVRLittleEndian
	}
	offer := m.lookup(c.AbstractSyntax, related)
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

// negotiateUser answers role selection and extended negotiation. SOP Class Common Extended Negotiation has no answer (PS3.7 D.3.3.6).
func (m *Mux) negotiateUser(rq *pdu.UserInformation) (u pdu.UserInformation) {
	for _, role := range rq.Roles {
		if o := m.lookup(role.SOPClass, rq.CommonExtended); o != nil {
			u.Roles = append(u.Roles, pdu.RoleSelection{SOPClass: role.SOPClass, SCU: role.SCU, SCP: role.SCP && o.PeerSCP})
		}
	}
	for _, x := range rq.Extended {
		if o := m.lookup(x.SOPClass, rq.CommonExtended); o != nil && o.Extended != nil {
			u.Extended = append(u.Extended, pdu.ExtendedNegotiation{SOPClass: x.SOPClass, Application: o.Extended(x.Application)})
		}
	}
	return u
}

// lookup is Lookup for what a peer asks for. related is what it said of its SOP Classes by SOP Class Common Extended Negotiation: one
// that is not served by itself is served like the first related general SOP Class that is served, else like others of its Service Class,
// if their Offer takes it.
func (m *Mux) lookup(class dicom.UID, related []pdu.CommonExtendedNegotiation) *Offer {
	if o := m.Lookup(class); o != nil || m == nil || !formed(class) {
		return o
	}
	for i := range related {
		if related[i].SOPClass == class {
			return m.like(&related[i])
		}
	}
	return nil
}

// like finds the Offer for a SOP Class that is not served by itself.
func (m *Mux) like(c *pdu.CommonExtendedNegotiation) *Offer {
	takes := func(o *Offer) bool { return o != nil && o.Related != nil && o.Related(c.SOPClass) }
	for _, general := range c.RelatedGeneral {
		if o := m.Lookup(general); takes(o) {
			return o
		}
	}
	if c.ServiceClass == "" {
		return nil
	}
	for _, r := range m.rules {
		if r.offer.ServiceClass == c.ServiceClass && takes(r.offer) {
			return r.offer
		}
	}
	for _, o := range m.Offered {
		if o.ServiceClass == c.ServiceClass && takes(o) {
			return o
		}
	}
	return nil
}

// formed tells whether an Abstract Syntax is a UID as far as it matters: components of digits, at most 64 characters. Leading zeros,
// which PS3.5 9.1 forbids, are found in private SOP Classes of real devices.
func formed(class dicom.UID) bool {
	if len(class) == 0 || len(class) > 64 {
		return false
	}
	for i, last := 0, byte('.'); i < len(class); i++ {
		c := class[i]
		if (c < '0' || c > '9') && (c != '.' || last == '.' || i == len(class)-1) {
			return false
		}
		last = c
	}
	return true
}
