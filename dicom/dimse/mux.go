package dimse

import (
	"context"
	"maps"
	"slices"

	"github.com/halong-gateway/halong/dicom"
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
	// ServiceClass is the Service Class of the SOP Classes registered so (PS3.4), StorageServiceClass for instance; may be empty.
	ServiceClass dicom.UID
	// Related tells whether a SOP Class that is not registered may be served as these are, when the peer says by SOP Class Common Extended
	// Negotiation (PS3.7 D.3.3.6) that it is of the same ServiceClass or that one of these is its related general SOP Class; nil: no.
	Related func(class dicom.UID) bool
	// Concurrent lets Serve run beside that of other requests of the same Association, up to the negotiated Asynchronous Operations
	// Window: the next request is received as soon as the Data Set of this one was read to its end. Such a Service must not
	// Call on the Association. Others run alone, after all that is outstanding was answered.
	Concurrent bool
}

// StorageServiceClass is the Storage Service Class (PS3.4 B).
const StorageServiceClass dicom.UID = "1.2.840.10008.4.2"

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
// registered by itself; the first rule that matches decides. What cannot be a UID is given to none.
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
		if formed(class) && r.match(class) {
			return r.offer
		}
	}
	return nil
}
