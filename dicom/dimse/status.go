package dimse

import "fmt"

// Status is the outcome of an operation or notification (0000,0900) (PS3.7 C,
// and for each service PS3.4).
type Status uint16

// The general statuses of PS3.7 annex C that this implementation uses or meets.
const (
	Success                Status = 0x0000
	NoSuchAttribute        Status = 0x0105
	InvalidAttributeValue  Status = 0x0106
	ProcessingFailure      Status = 0x0110
	DuplicateSOPInstance   Status = 0x0111
	NoSuchSOPInstance      Status = 0x0112
	InvalidArgumentValue   Status = 0x0115
	InvalidSOPInstance     Status = 0x0117
	NoSuchSOPClass         Status = 0x0118
	MissingAttribute       Status = 0x0120
	MissingAttributeValue  Status = 0x0121
	SOPClassNotSupported   Status = 0x0122
	NoSuchActionType       Status = 0x0123
	NotAuthorized          Status = 0x0124
	DuplicateInvocation    Status = 0x0210
	UnrecognizedOperation  Status = 0x0211
	MistypedArgument       Status = 0x0212
	ResourceLimitation     Status = 0x0213
	Cancelled              Status = 0xFE00
	Pending                Status = 0xFF00
	PendingOptionalMissing Status = 0xFF01
)

// The statuses of C-STORE (PS3.4 table B.2-1).
const (
	OutOfResources          Status = 0xA700
	DataSetDoesNotMatch     Status = 0xA900
	CannotUnderstand        Status = 0xC000
	CoercionOfElements      Status = 0xB000
	ElementsDiscarded       Status = 0xB006
	DataSetDoesNotMatchWarn Status = 0xB007
)

// The statuses of C-FIND, C-MOVE and C-GET beyond those above (PS3.4 tables C.4-1, C.4-2 and C.4-3).
const (
	UnableToCalculateMatches     Status = 0xA701
	UnableToPerformSubOperations Status = 0xA702
	MoveDestinationUnknown       Status = 0xA801
	IdentifierDoesNotMatch       Status = 0xA900
	UnableToProcess              Status = 0xC000
	SubOperationsIncomplete      Status = 0xB000 // sub-operations complete, one or more failures or warnings
)

// IsPending tells whether further responses follow.
func (s Status) IsPending() bool { return s == Pending || s == PendingOptionalMissing }

// IsWarning tells whether the operation succeeded with a remark (PS3.7 C.3).
func (s Status) IsWarning() bool {
	return s == 0x0001 || s&0xF000 == 0xB000 || s == 0x0107 || s == 0x0116
}

// OK tells whether the operation succeeded, perhaps with a warning.
func (s Status) OK() bool { return s == Success || s.IsWarning() }

// String gives the four hexadecimal digits.
func (s Status) String() string { return fmt.Sprintf("%04X", uint16(s)) }

// StatusError is a response that is neither success nor warning.
type StatusError struct {
	Field   CommandField // the response
	Status  Status
	Comment string // the peer's Error Comment (0000,0902); may be empty
}

// Error names response, status and comment.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("%v with status %v", e.Field, e.Status)
	if e.Comment != "" {
		s += ": " + e.Comment
	}
	return s
}
