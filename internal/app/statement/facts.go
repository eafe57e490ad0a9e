package statement

import (
	"crypto/tls"
	"slices"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/scp"
)

// Facts are what a statement is made of.
type Facts struct {
	AE              string
	Port            string // where Associations are accepted
	CheckCalledAE   bool
	RejectUnknown   bool // SOP Classes that are not in PS3.6
	MaxAssociations int
	MaxPerPeer      int
	AsyncOperations uint16
	MaxLength       uint32
	Idle            time.Duration
	Timeouts        dimse.Timeouts
	Mux             *dimse.Mux // what is registered
	Store, Query    []scp.Outcome
	Performed       []scp.Outcome // of Modality Performed Procedure Steps
	TLS             *tls.Config
	Asked           []Activity
	Web             []dicomweb.Transaction // what is served of PS3.18
}

// Activity is something that makes us ask for an Association.
type Activity struct {
	Name     string
	Requests []*pdu.AssociateRQ
}

// service is a SOP Class as it is served.
type service struct {
	class dicom.SOPClass
	offer *dimse.Offer
}

// served gives what is registered by itself, and every Storage SOP Class of the standard that the rules take.
func (f *Facts) served() (exact, storage []service) {
	known := map[dicom.UID]bool{}
	f.Mux.Offered(func(class dicom.UID, o *dimse.Offer) bool {
		c, ok := dicom.LookupSOPClass(class)
		if !ok {
			c = dicom.SOPClass{UID: class, Name: "(private)"}
		}
		exact, known[class] = append(exact, service{c, o}), true
		return true
	})
	for _, c := range dicom.StorageSOPClasses() {
		if o := f.Mux.Lookup(c.UID); o != nil && !known[c.UID] {
			storage = append(storage, service{c, o})
		}
	}
	return exact, storage
}

// syntaxes gives the Transfer Syntaxes that an offer takes.
func syntaxes(o *dimse.Offer) (list []*dicom.TransferSyntax) {
	for _, ts := range dicom.TransferSyntaxes() {
		if o.Accepts(ts.UID) {
			list = append(list, ts)
		}
	}
	return list
}

// asks tells whether a SOP Class is proposed as SCU by one of the activities.
func (f *Facts) asks(class dicom.UID) bool {
	for _, a := range f.Asked {
		for _, rq := range a.Requests {
			if slices.ContainsFunc(rq.Contexts, func(c pdu.ProposedContext) bool { return c.AbstractSyntax == class }) {
				return true
			}
		}
	}
	return false
}
