package dimse

import "github.com/halong-gateway/halong/dicom"

// Command is a Command Set (PS3.7 6.3, E.1). Pointers are nil, and strings
// empty, for elements that are absent.
type Command struct {
	Field                CommandField // (0000,0100)
	AffectedSOPClass     dicom.UID    // (0000,0002)
	RequestedSOPClass    dicom.UID    // (0000,0003)
	MessageID            uint16       // (0000,0110), of requests
	RespondedTo          uint16       // (0000,0120) Message ID Being Responded To, of responses and C-CANCEL
	MoveDestination      string       // (0000,0600)
	Priority             Priority     // (0000,0700)
	HasDataSet           bool         // (0000,0800) is not 0101H
	Status               Status       // (0000,0900), of responses
	OffendingElements    []dicom.Tag  // (0000,0901)
	ErrorComment         string       // (0000,0902), at most 64 characters
	ErrorID              *uint16      // (0000,0903)
	AffectedSOPInstance  dicom.UID    // (0000,1000)
	RequestedSOPInstance dicom.UID    // (0000,1001)
	EventTypeID          *uint16      // (0000,1002)
	AttributeIdentifiers []dicom.Tag  // (0000,1005)
	ActionTypeID         *uint16      // (0000,1008)
	Remaining            *uint16      // (0000,1020) Number of Remaining Sub-operations
	Completed            *uint16      // (0000,1021)
	Failed               *uint16      // (0000,1022)
	Warning              *uint16      // (0000,1023)
	MoveOriginator       string       // (0000,1030) AE title
	MoveOriginatorID     *uint16      // (0000,1031) Message ID

	has uint8 // which of the mandatory elements were there
}

const (
	hasMessageID = 1 << iota
	hasRespondedTo
	hasDataSetType
	hasStatus
	hasField
)

// Priority of an operation (0000,0700).
type Priority uint16

// The priorities.
const (
	PriorityMedium Priority = 0
	PriorityHigh   Priority = 1
	PriorityLow    Priority = 2
)

// noDataSet is the value of Command Data Set Type (0000,0800) that says so.
const noDataSet = 0x0101

// The elements of group 0000, by element number.
const (
	elemGroupLength          = 0x0000
	elemAffectedSOPClass     = 0x0002
	elemRequestedSOPClass    = 0x0003
	elemField                = 0x0100
	elemMessageID            = 0x0110
	elemRespondedTo          = 0x0120
	elemMoveDestination      = 0x0600
	elemPriority             = 0x0700
	elemDataSetType          = 0x0800
	elemStatus               = 0x0900
	elemOffendingElement     = 0x0901
	elemErrorComment         = 0x0902
	elemErrorID              = 0x0903
	elemAffectedSOPInstance  = 0x1000
	elemRequestedSOPInstance = 0x1001
	elemEventTypeID          = 0x1002
	elemAttributeIdentifiers = 0x1005
	elemActionTypeID         = 0x1008
	elemRemaining            = 0x1020
	elemCompleted            = 0x1021
	elemFailed               = 0x1022
	elemWarning              = 0x1023
	elemMoveOriginator       = 0x1030
	elemMoveOriginatorID     = 0x1031
)

// mandatory pairs the bits of Command.has with their elements.
var mandatory = [...]struct {
	bit  uint8
	elem uint16
}{
	{hasField, elemField},
	{hasMessageID, elemMessageID},
	{hasRespondedTo, elemRespondedTo},
	{hasDataSetType, elemDataSetType},
	{hasStatus, elemStatus},
}

// validate tells whether the elements are there that a Command Set of its kind
// needs (PS3.7 E.1) for the exchange of messages to go on at all.
func (c *Command) validate() error {
	need := uint8(hasField | hasDataSetType)
	switch {
	case c.Field == CCancelRQ:
		need |= hasRespondedTo
	case c.Field.IsResponse():
		need |= hasRespondedTo | hasStatus
	default:
		need |= hasMessageID
	}
	for _, m := range mandatory {
		if need&^c.has&m.bit != 0 {
			return &SyntaxError{dicom.NewTag(0, m.elem), 0, "mandatory element is missing"}
		}
	}
	return nil
}
