package halong

import "errors"

// Kind is the short closed list of what can go wrong. Each edge has one map
// from Kind to its own protocol's answer (C-STORE status, HTTP status, HL7
// acknowledgement code).
type Kind uint8

// The kinds. Internal is the zero value: an error nobody classified.
const (
	Internal    Kind = iota // a bug, or something nobody foresaw
	Invalid                 // the input breaks its standard, or contradicts itself
	Unsupported             // well-formed, but of a kind not served
	NotExist                // what was asked for is not here, or not visible to the caller
	Conflict                // the state of the thing forbids it
	Permission              // the caller may not
	Exhausted               // disk, memory budget or a limit is used up
	Transient               // may succeed when tried again: failed sync, busy, shutting down
	Corrupt                 // stored bytes are not what they were
)

var kindNames = [...]string{"internal", "invalid", "unsupported", "not exist", "conflict", "permission", "exhausted", "transient", "corrupt"}

// String gives the kind in lower-case words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Error is how every service and adapter reports a failure. Its text goes to
// operators; it must hold no patient data (UIDs, tags, offsets and control IDs
// are allowed, names, patient IDs and values are not).
type Error struct {
	Op   string // package and operation: "storage.Store"
	Kind Kind
	Ref  string // what it happened to: a UID, a digest, a control ID; may be empty
	Err  error  // the cause; may be nil
}

// Error joins operation, reference, kind and cause.
func (e *Error) Error() string {
	s := e.Op
	if e.Ref != "" {
		s += " " + e.Ref
	}
	s += ": " + e.Kind.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// E makes an *Error. Err may be nil.
func E(op string, kind Kind, ref string, err error) error {
	return &Error{Op: op, Kind: kind, Ref: ref, Err: err}
}

// KindOf gives the kind of the outermost *Error in err's chain; Internal when
// there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
