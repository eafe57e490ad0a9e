package pdu

import (
	"encoding/binary"

	"github.com/halong-gateway/halong/dicom"
)

// The user information sub-items of PS3.8 D.1 and PS3.7 D.3.3.
const (
	itemMaxLength              = 0x51
	itemImplementationClass    = 0x52
	itemAsyncOperations        = 0x53
	itemRoleSelection          = 0x54
	itemImplementationVersion  = 0x55
	itemExtendedNegotiation    = 0x56
	itemCommonExtended         = 0x57
	itemUserIdentity           = 0x58
	itemUserIdentityServerResp = 0x59
)

// UserInformation is the User Information Item of A-ASSOCIATE-RQ and -AC
// (PS3.8 9.3.2.3). Sub-items of unknown type are skipped.
type UserInformation struct {
	// MaxLength is the largest P-DATA-TF PDU, without its header of 6 bytes, that the sender of
	// this item wants to receive; 0 means no limit (PS3.8 D.1).
	MaxLength uint32
	// HasMaxLength tells that the item is there. It is mandatory; peers that leave it out mean no limit.
	HasMaxLength          bool
	ImplementationClass   dicom.UID        // PS3.7 D.3.3.2
	ImplementationVersion string           // PS3.7 D.3.3.2, at most 16 characters; empty if not given
	Async                 *AsyncOperations // PS3.7 D.3.3.3; nil means 1 and 1
	Roles                 []RoleSelection  // PS3.7 D.3.3.4
	Extended              []ExtendedNegotiation
	CommonExtended        []CommonExtendedNegotiation // in A-ASSOCIATE-RQ only
	Identity              *UserIdentity               // in A-ASSOCIATE-RQ only
	IdentityResponse      *UserIdentityResponse       // in A-ASSOCIATE-AC only
}

// AsyncOperations is the Asynchronous Operations Window (PS3.7 D.3.3.3); 0
// means unlimited.
type AsyncOperations struct{ Invoked, Performed uint16 }

// RoleSelection is an SCP/SCU Role Selection sub-item (PS3.7 D.3.3.4): the
// roles that the association-requestor proposes for itself, or is granted.
type RoleSelection struct {
	SOPClass dicom.UID
	SCU, SCP bool
}

// ExtendedNegotiation is an SOP Class Extended Negotiation sub-item (PS3.7 D.3.3.5).
type ExtendedNegotiation struct {
	SOPClass    dicom.UID
	Application []byte // service-class-application-information (PS3.4)
}

// CommonExtendedNegotiation is an SOP Class Common Extended Negotiation
// sub-item (PS3.7 D.3.3.6).
type CommonExtendedNegotiation struct {
	Version        uint8
	SOPClass       dicom.UID
	ServiceClass   dicom.UID
	RelatedGeneral []dicom.UID
}

// UserIdentity is the User Identity sub-item of an A-ASSOCIATE-RQ (PS3.7
// D.3.3.7.1). Its fields are secrets: never log them.
type UserIdentity struct {
	Type           uint8 // 1 name, 2 name and passcode, 3 Kerberos, 4 SAML, 5 JSON Web Token
	ResponseWanted bool
	Primary        []byte
	Secondary      []byte // only of meaning with type 2
}

// UserIdentityResponse is the User Identity sub-item of an A-ASSOCIATE-AC (PS3.7 D.3.3.7.2).
type UserIdentityResponse struct{ Server []byte }

func (r *reader) userInformation(u *UserInformation) {
	for r.more() {
		typ, second, it := r.item()
		it.userItem(typ, second, u)
		r.adopt(&it)
	}
}

func (r *reader) userItem(typ, second uint8, u *UserInformation) {
	switch typ {
	case itemMaxLength:
		u.MaxLength, u.HasMaxLength = r.uint32("maximum length"), true
	case itemImplementationClass:
		u.ImplementationClass = r.uidRest()
	case itemImplementationVersion:
		u.ImplementationVersion = aeTitle(r.take(len(r.b), "implementation version name"))
	case itemAsyncOperations:
		u.Async = &AsyncOperations{r.uint16("asynchronous operations window"), r.uint16("asynchronous operations window")}
	case itemRoleSelection:
		uid := trimUID(r.bytes16("role selection"))
		scu, scp := r.uint8("role selection"), r.uint8("role selection")
		u.Roles = append(u.Roles, RoleSelection{uid, scu == 1, scp == 1})
	case itemExtendedNegotiation:
		uid := trimUID(r.bytes16("extended negotiation"))
		u.Extended = append(u.Extended, ExtendedNegotiation{uid, r.rest()})
	case itemCommonExtended:
		u.CommonExtended = append(u.CommonExtended, r.commonExtended(second))
	case itemUserIdentity:
		id := &UserIdentity{Type: r.uint8("user identity"), ResponseWanted: r.uint8("user identity") == 1}
		id.Primary = clone(r.bytes16("user identity"))
		id.Secondary = clone(r.bytes16("user identity"))
		u.Identity = id
	case itemUserIdentityServerResp:
		u.IdentityResponse = &UserIdentityResponse{clone(r.bytes16("user identity response"))}
	}
}

func (r *reader) commonExtended(version uint8) CommonExtendedNegotiation {
	const what = "common extended negotiation"
	c := CommonExtendedNegotiation{Version: version}
	c.SOPClass = trimUID(r.bytes16(what))
	c.ServiceClass = trimUID(r.bytes16(what))
	at := r.at + 2
	list := reader{pdu: r.pdu, b: r.bytes16(what), at: at}
	for list.more() {
		c.RelatedGeneral = append(c.RelatedGeneral, trimUID(list.bytes16(what)))
	}
	r.adopt(&list)
	return c
}

func (r *reader) rest() []byte { return clone(r.take(len(r.b), "item")) }

// clone keeps a field beyond the life of the PDU's buffer; empty becomes nil.
func clone(b []byte) []byte { return append([]byte(nil), b...) }

func (w *writer) userInformation(u *UserInformation) {
	user := w.open(itemUser, 0)
	if u.HasMaxLength {
		at := w.open(itemMaxLength, 0)
		w.b = binary.BigEndian.AppendUint32(w.b, u.MaxLength)
		w.shut(at)
	}
	if u.ImplementationClass != "" {
		w.uid(itemImplementationClass, u.ImplementationClass)
	}
	if u.Async != nil {
		at := w.open(itemAsyncOperations, 0)
		w.uint16(u.Async.Invoked)
		w.uint16(u.Async.Performed)
		w.shut(at)
	}
	for _, role := range u.Roles {
		at := w.open(itemRoleSelection, 0)
		w.uid16(role.SOPClass)
		w.b = append(w.b, flag(role.SCU), flag(role.SCP))
		w.shut(at)
	}
	if u.ImplementationVersion != "" {
		at := w.open(itemImplementationVersion, 0)
		w.b = append(w.b, u.ImplementationVersion...)
		w.shut(at)
	}
	w.negotiations(u)
	w.identity(u)
	w.shut(user)
}

func (w *writer) negotiations(u *UserInformation) {
	for i := range u.Extended {
		at := w.open(itemExtendedNegotiation, 0)
		w.uid16(u.Extended[i].SOPClass)
		w.b = append(w.b, u.Extended[i].Application...)
		w.shut(at)
	}
	for i := range u.CommonExtended {
		c := &u.CommonExtended[i]
		at := w.open(itemCommonExtended, c.Version)
		w.uid16(c.SOPClass)
		w.uid16(c.ServiceClass)
		list := len(w.b)
		w.uint16(0)
		for _, g := range c.RelatedGeneral {
			w.uid16(g)
		}
		binary.BigEndian.PutUint16(w.b[list:], uint16(len(w.b)-list-2))
		w.shut(at)
	}
}

func (w *writer) identity(u *UserInformation) {
	if id := u.Identity; id != nil {
		at := w.open(itemUserIdentity, 0)
		w.b = append(w.b, id.Type, flag(id.ResponseWanted))
		w.bytes16(id.Primary)
		w.bytes16(id.Secondary)
		w.shut(at)
	}
	if u.IdentityResponse != nil {
		at := w.open(itemUserIdentityServerResp, 0)
		w.bytes16(u.IdentityResponse.Server)
		w.shut(at)
	}
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}
