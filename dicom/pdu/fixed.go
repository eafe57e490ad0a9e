package pdu

import "fmt"

// Reject is an A-ASSOCIATE-RJ PDU (PS3.8 9.3.4).
type Reject struct {
	Result RejectResult
	Source RejectSource
	Reason uint8 // its meaning depends on Source
}

// RejectResult tells whether asking again may help.
type RejectResult uint8

// The results of PS3.8 table 9-21.
const (
	RejectedPermanent RejectResult = 1
	RejectedTransient RejectResult = 2
)

// RejectSource tells who rejected.
type RejectSource uint8

// The sources of PS3.8 table 9-21.
const (
	SourceServiceUser          RejectSource = 1
	SourceProviderACSE         RejectSource = 2
	SourceProviderPresentation RejectSource = 3
)

// The rejections of PS3.8 table 9-21 with the result that fits them.
var (
	RejectNoReason             = Reject{RejectedPermanent, SourceServiceUser, 1}
	RejectApplicationContext   = Reject{RejectedPermanent, SourceServiceUser, 2}
	RejectCallingAE            = Reject{RejectedPermanent, SourceServiceUser, 3}
	RejectCalledAE             = Reject{RejectedPermanent, SourceServiceUser, 7}
	RejectACSENoReason         = Reject{RejectedPermanent, SourceProviderACSE, 1}
	RejectProtocolVersion      = Reject{RejectedPermanent, SourceProviderACSE, 2}
	RejectTemporaryCongestion  = Reject{RejectedTransient, SourceProviderPresentation, 1}
	RejectLocalLimitExceeded   = Reject{RejectedTransient, SourceProviderPresentation, 2}
	RejectPermanentLocalLimits = Reject{RejectedPermanent, SourceProviderPresentation, 2}
)

var rejectTexts = map[[2]uint8]string{
	{1, 1}: "no reason given", {1, 2}: "application context name not supported",
	{1, 3}: "calling AE title not recognized", {1, 7}: "called AE title not recognized",
	{2, 1}: "no reason given", {2, 2}: "protocol version not supported",
	{3, 1}: "temporary congestion", {3, 2}: "local limit exceeded",
}

// Error tells what was rejected in the standard's words.
func (r *Reject) Error() string {
	how := "permanent"
	if r.Result == RejectedTransient {
		how = "transient"
	}
	text := rejectTexts[[2]uint8{uint8(r.Source), r.Reason}]
	if text == "" {
		text = "unknown reason"
	}
	return fmt.Sprintf("association rejected (%s, source %d, reason %d): %s", how, r.Source, r.Reason, text)
}

// Append adds the PDU to dst.
func (r *Reject) Append(dst []byte) []byte {
	return append(dst, byte(TypeAssociateRJ), 0, 0, 0, 0, 4, 0, byte(r.Result), byte(r.Source), r.Reason)
}

// ParseReject reads what follows the header of an A-ASSOCIATE-RJ.
func ParseReject(body []byte) (*Reject, error) {
	if len(body) != 4 {
		return nil, Header{TypeAssociateRJ, uint32(len(body))}.Check()
	}
	return &Reject{RejectResult(body[1]), RejectSource(body[2]), body[3]}, nil
}

// Abort is an A-ABORT PDU (PS3.8 9.3.8).
type Abort struct {
	Source AbortSource
	Reason AbortReason
}

// AbortSource tells who aborted.
type AbortSource uint8

// The sources of PS3.8 table 9-26. 1 is reserved, and tolerated when received.
const (
	AbortByUser     AbortSource = 0
	AbortByProvider AbortSource = 2
)

// AbortReason tells why; only of meaning when the source is AbortByProvider.
type AbortReason uint8

// The reasons of PS3.8 table 9-26.
const (
	NotSpecified          AbortReason = 0
	UnrecognizedPDU       AbortReason = 1
	UnexpectedPDU         AbortReason = 2
	UnrecognizedParameter AbortReason = 4
	UnexpectedParameter   AbortReason = 5
	InvalidParameterValue AbortReason = 6
)

var abortTexts = [...]string{
	NotSpecified: "reason not specified", UnrecognizedPDU: "unrecognized PDU", UnexpectedPDU: "unexpected PDU",
	UnrecognizedParameter: "unrecognized PDU parameter", UnexpectedParameter: "unexpected PDU parameter",
	InvalidParameterValue: "invalid PDU parameter value",
}

// Error tells who aborted and why.
func (a *Abort) Error() string {
	if a.Source == AbortByUser {
		return "association aborted by the service user"
	}
	text := "unknown reason"
	if int(a.Reason) < len(abortTexts) && abortTexts[a.Reason] != "" {
		text = abortTexts[a.Reason]
	}
	return fmt.Sprintf("association aborted by the service provider (source %d, reason %d): %s", a.Source, a.Reason, text)
}

// Append adds the PDU to dst.
func (a *Abort) Append(dst []byte) []byte {
	return append(dst, byte(TypeAbort), 0, 0, 0, 0, 4, 0, 0, byte(a.Source), byte(a.Reason))
}

// ParseAbort reads what follows the header of an A-ABORT.
func ParseAbort(body []byte) (*Abort, error) {
	if len(body) != 4 {
		return nil, Header{TypeAbort, uint32(len(body))}.Check()
	}
	return &Abort{AbortSource(body[2]), AbortReason(body[3])}, nil
}

// AppendReleaseRQ adds an A-RELEASE-RQ PDU (PS3.8 9.3.6).
func AppendReleaseRQ(dst []byte) []byte {
	return append(dst, byte(TypeReleaseRQ), 0, 0, 0, 0, 4, 0, 0, 0, 0)
}

// AppendReleaseRP adds an A-RELEASE-RP PDU (PS3.8 9.3.7).
func AppendReleaseRP(dst []byte) []byte {
	return append(dst, byte(TypeReleaseRP), 0, 0, 0, 0, 4, 0, 0, 0, 0)
}
