package dataset

import (
	"errors"
	"fmt"

	"github.com/halong-gateway/halong/dicom"
)

// SyntaxError says where and why a data set cannot be understood. It holds no values.
type SyntaxError struct {
	Offset int64     // in the (inflated) data set, or in the file for its header
	Tag    dicom.Tag // of the element concerned, zero if none was read
	Path   string    // of the enclosing items: "(0040,A730)[2].(0040,A168)[0]", items counted from 0
	Reason string
	Err    error // ErrLimit, io.ErrUnexpectedEOF, or nil
}

// Error gives place and reason.
func (e *SyntaxError) Error() string {
	where := ""
	if e.Tag != 0 {
		where = e.Tag.String() + " "
	}
	if e.Path != "" {
		where += "in " + e.Path + " "
	}
	return fmt.Sprintf("dataset: %sat offset %d: %s", where, e.Offset, e.Reason)
}

// Unwrap gives the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// ErrExternal is returned when a value is asked for that lies elsewhere (see WithHoles).
var ErrExternal = errors.New("dataset: the value is not in this stream")

// ErrNoValue is returned when there is no current value to read.
var ErrNoValue = errors.New("dataset: no value here")
