package statement

import (
	"fmt"
	"strconv"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/ul"
)

// entity is PS3.2 A.4.2.1: what holds for all Associations.
func (p *page) entity() {
	f := p.f
	p.text(`
### 4.2 Application Entity

#### 4.2.1 General`)
	p.table(
		[]string{"", ""},
		[]string{"Application Context Name", string(pdu.ApplicationContext)},
		[]string{"Implementation Class UID", string(dicom.ImplementationClassUID)},
		[]string{"Implementation Version Name", dicom.ImplementationVersionName},
		[]string{"Associations accepted at a time", fmt.Sprintf("%d, from one address %d (`dicom.max_associations`, `dicom.max_associations_per_peer`)", f.MaxAssociations, f.MaxPerPeer)},
		[]string{"Associations asked for at a time", "as many as requests, rules and commands need"},
		[]string{"Maximum Length Received", fmt.Sprintf("%d bytes; a peer's 0 is unlimited", f.MaxLength)},
		[]string{"Presentation Contexts in an Association", fmt.Sprintf("up to %d, accepted and proposed", pdu.MaxContexts)},
		[]string{"Asynchronous Operations Window, as acceptor", fmt.Sprintf("what the requestor may have outstanding is granted up to %d (`dicom.async_operations`); without negotiation 1. C-STORE requests run side by side", f.AsyncOperations)},
		[]string{"Asynchronous Operations Window, as requestor", "proposed to destinations whose `async_operations` is more than 1, and by `halong send --async`; honoured as granted"},
		[]string{"SCU/SCP Role Selection", "section 4.2.2; proposed for C-GET and for reports of Storage Commitment"},
		[]string{"User Identity Negotiation", "user name, user name with passcode; Kerberos, SAML and JWT through a verifier (`dicom.identity`); a positive response is given when asked for"},
		[]string{"SOP Class Extended Negotiation", "section 4.2.2"},
		[]string{"SOP Class Common Extended Negotiation", "a SOP Class that is unknown here and said to be of the Storage Service Class is served as Storage"},
	)
	t := f.Timeouts
	p.text("Time-outs. An end that is silent for longer is hung up on with A-ABORT.")
	p.table(
		[]string{"what is waited for", "at most"},
		[]string{"an A-ASSOCIATE PDU, the end of the connection (ARTIM)", t.ARTIM.String()},
		[]string{"the rest of a message, or room to write", t.Network.String()},
		[]string{"the next request on an accepted Association (`dicom.idle`)", f.Idle.String()},
		[]string{"a response to our request", t.Response.String()},
	)
}

// acceptance is PS3.2 A.4.2.1.4: what is accepted, and whom.
func (p *page) acceptance() {
	f := p.f
	p.text(`
#### 4.2.2 Association acceptance

Whoever is let in by ` + "`dicom.peers`" + ` (AE title, address, certificate), ` + "`dicom.promiscuous`" + ` and ` + "`dicom.identity`" + ` may associate. Of several
Transfer Syntaxes of a Presentation Context the first acceptable one in the requestor's order is taken, Implicit VR Little Endian only if there is no other.
Presentation Contexts are accepted each for itself.`)
	rows := [][]string{{"A-ASSOCIATE-RJ: result", "source", "reason", "when"}}
	for _, x := range []struct {
		reject pdu.Reject
		when   string
	}{
		{pdu.RejectProtocolVersion, "version 1 is not among the requestor's protocol versions"},
		{pdu.RejectApplicationContext, "the Application Context Name is another"},
		{pdu.RejectPermanentLocalLimits, fmt.Sprintf("the requestor's Maximum Length Received is below %d", ul.MinLength)},
		{pdu.RejectCalledAE, fmt.Sprintf("`dicom.check_called_ae` is on (it is %s) and the title is not ours, or it is that of a facility that is none of the requestor's", onOff(f.CheckCalledAE))},
		{pdu.RejectCallingAE, "`dicom.peers` has nobody like the requestor"},
		{pdu.RejectACSENoReason, "the user identity is refused"},
		{pdu.RejectTemporaryCongestion, "there are as many Associations as may be, or Halong is being stopped"},
		{pdu.RejectLocalLimitExceeded, "there are as many Associations with the requestor's address as may be"},
	} {
		r := x.reject
		rows = append(rows, []string{strconv.Itoa(int(r.Result)), strconv.Itoa(int(r.Source)), strconv.Itoa(int(r.Reason)), x.when})
	}
	p.table(rows...)
	exact, storage := f.served()
	rows = [][]string{{"SOP Class", "UID", "Transfer Syntaxes", "requestor may be SCP too", "extended negotiation"}}
	for _, s := range exact {
		rows = append(rows, []string{s.class.Name, string(s.class.UID), fmt.Sprintf("%d (8.2)", len(syntaxes(s.offer))), yes(s.offer.PeerSCP), extended(s)})
	}
	if len(storage) > 0 {
		s := storage[0]
		rows = append(rows, []string{"Storage, every class of 8.1", "", fmt.Sprintf("%d (8.2)", len(syntaxes(s.offer))), yes(s.offer.PeerSCP), extended(s)})
	}
	p.table(rows...)
	if f.RejectUnknown {
		p.text("SOP Classes that PS3.6 does not list are refused (`dicom.unknown_sop_classes: reject`).")
	} else {
		p.text("SOP Classes that PS3.6 does not list are taken as Storage (`dicom.unknown_sop_classes: accept`).")
	}
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// bits are the fields of the Service-class-application-information for queries (PS3.4 table C.5-1) in their order.
var bits = []string{"relational", "combined date-time", "fuzzy person names", "time zone", "enhanced multi-frame conversion"}

// extended asks the offer for everything and tells what it grants.
func extended(s service) string {
	if s.offer.Extended == nil {
		return "none"
	}
	answer := s.offer.Extended([]byte{1, 1, 1, 1, 1})
	text := ""
	for i, v := range answer {
		if v == 1 && i < len(bits) {
			text += ", " + bits[i]
		}
	}
	if text == "" {
		return "none granted"
	}
	return text[2:]
}
