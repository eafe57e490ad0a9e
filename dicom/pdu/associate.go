package pdu

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// ApplicationContext is the DICOM Application Context Name (PS3.7 A.2.1).
const ApplicationContext dicom.UID = "1.2.840.10008.3.1.1.1"

// ProtocolVersion1 is the bit that says version 1 of the Upper Layer protocol.
const ProtocolVersion1 uint16 = 1

// associateFixed is the length of the fixed fields of A-ASSOCIATE-RQ and -AC
// after the PDU header: version, reserved, two AE titles, reserved.
const associateFixed = 2 + 2 + 16 + 16 + 32

// The item types of PS3.8 9.3.2 and 9.3.3.
const (
	itemApplicationContext = 0x10
	itemContextRQ          = 0x20
	itemContextAC          = 0x21
	itemAbstractSyntax     = 0x30
	itemTransferSyntax     = 0x40
	itemUser               = 0x50
)

// AssociateRQ is an A-ASSOCIATE-RQ PDU (PS3.8 9.3.2).
type AssociateRQ struct {
	ProtocolVersion    uint16
	CalledAE           string // without leading and trailing spaces
	CallingAE          string
	ApplicationContext dicom.UID
	Contexts           []ProposedContext
	User               UserInformation
}

// AssociateAC is an A-ASSOCIATE-AC PDU (PS3.8 9.3.3). The AE titles are sent
// back as they came and not tested when received.
type AssociateAC struct {
	ProtocolVersion    uint16
	CalledAE           string
	CallingAE          string
	ApplicationContext dicom.UID
	Contexts           []ContextResult
	User               UserInformation
}

// ParseAssociateRQ reads what follows the header of an A-ASSOCIATE-RQ.
func ParseAssociateRQ(body []byte) (*AssociateRQ, error) {
	rq := &AssociateRQ{}
	r := reader{pdu: TypeAssociateRQ, b: body, at: HeaderLength}
	rq.ProtocolVersion, rq.CalledAE, rq.CallingAE = r.fixed()
	err := r.associate(&rq.ApplicationContext, &rq.User, itemContextRQ, func(it *reader) uint8 {
		c := it.proposedContext()
		rq.Contexts = append(rq.Contexts, c)
		return c.ID
	})
	if err != nil {
		return nil, err
	}
	return rq, nil
}

// ParseAssociateAC reads what follows the header of an A-ASSOCIATE-AC.
func ParseAssociateAC(body []byte) (*AssociateAC, error) {
	ac := &AssociateAC{}
	r := reader{pdu: TypeAssociateAC, b: body, at: HeaderLength}
	ac.ProtocolVersion, ac.CalledAE, ac.CallingAE = r.fixed()
	err := r.associate(&ac.ApplicationContext, &ac.User, itemContextAC, func(it *reader) uint8 {
		c := it.contextResult()
		ac.Contexts = append(ac.Contexts, c)
		return c.ID
	})
	if err != nil {
		return nil, err
	}
	return ac, nil
}

// associate reads the variable items, which both PDUs have in common but for
// their presentation contexts (PS3.8 9.3.2, 9.3.3): context reads one and gives its ID.
func (r *reader) associate(application *dicom.UID, user *UserInformation, contextItem byte, context func(*reader) uint8) error {
	var seen seenIDs
	users := 0
	for r.more() {
		typ, _, it := r.item()
		switch typ {
		case itemApplicationContext:
			*application = it.uidRest()
		case contextItem:
			at := it.at
			id := context(&it)
			if it.err == nil && seen.add(id) {
				it.at = at
				it.fail(InvalidParameterValue, "presentation context ID is not unique")
			}
		case itemUser:
			if users++; users > 1 {
				it.fail(UnexpectedParameter, "second user information item")
			}
			it.userInformation(user)
		}
		r.adopt(&it)
	}
	return r.err
}

// fixed takes the fields before the variable items.
func (r *reader) fixed() (version uint16, called, calling string) {
	b := r.take(associateFixed, "fixed part")
	if b == nil {
		return 0, "", ""
	}
	return binary.BigEndian.Uint16(b), aeTitle(b[4:20]), aeTitle(b[20:36])
}

// aeTitle drops what is not significant: spaces around, and the NULs some
// peers pad with.
func aeTitle(b []byte) string { return strings.Trim(string(b), " \x00") }

// uidRest takes the rest of an item as a UID; padding is tolerated.
func (r *reader) uidRest() dicom.UID { return trimUID(r.take(len(r.b), "UID")) }

func trimUID(b []byte) dicom.UID { return dicom.UID(strings.Trim(string(b), " \x00")) }

// Append adds the PDU to dst. It must pass Check.
func (rq *AssociateRQ) Append(dst []byte) []byte { return rq.write(dst).end() }

func (rq *AssociateRQ) write(dst []byte) *writer {
	w := begin(dst, TypeAssociateRQ)
	w.fixed(rq.ProtocolVersion, rq.CalledAE, rq.CallingAE)
	w.uid(itemApplicationContext, rq.ApplicationContext)
	for i := range rq.Contexts {
		w.proposedContext(&rq.Contexts[i])
	}
	w.userInformation(&rq.User)
	return w
}

// What cannot be encoded in an A-ASSOCIATE-RQ.
var (
	errContexts = errors.New("pdu: more than 128 presentation contexts")
	errContext  = errors.New("pdu: presentation context ID is even or not unique")
	errTooLong  = errors.New("pdu: user information is longer than 65,535 bytes")
	errTitle    = errors.New("pdu: AE title is longer than 16 characters")
)

// Check tells whether the request can be encoded: at most 128 Presentation Contexts with odd IDs, each once, AE titles of at most 16 characters, and
// user information of at most 65,535 bytes, which a User Identity may exceed.
func (rq *AssociateRQ) Check() error {
	if len(rq.Contexts) > MaxContexts {
		return errContexts
	}
	if len(rq.CalledAE) > 16 || len(rq.CallingAE) > 16 {
		return errTitle
	}
	var seen seenIDs
	for _, c := range rq.Contexts {
		if c.ID&1 == 0 || seen.add(c.ID) {
			return errContext
		}
	}
	if rq.write(nil).long {
		return errTooLong
	}
	return nil
}

// Append adds the PDU to dst.
func (ac *AssociateAC) Append(dst []byte) []byte {
	w := begin(dst, TypeAssociateAC)
	w.fixed(ac.ProtocolVersion, ac.CalledAE, ac.CallingAE)
	w.uid(itemApplicationContext, ac.ApplicationContext)
	for i := range ac.Contexts {
		w.contextResult(&ac.Contexts[i])
	}
	w.userInformation(&ac.User)
	return w.end()
}
