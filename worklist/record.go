package worklist

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// record is the payload of a journal record of this package: what happened beside what messages say. JSON with its length before it, then
// the Data Set that came, byte for byte.
type record struct {
	Op       string          `json:"op"`
	Facility halong.Facility `json:"facility"`
	Source   halong.Source   `json:"source,omitzero"`
	At       time.Time       `json:"at"`

	SOP    dicom.UID `json:"sop,omitempty"`    // of a Performed Procedure Step
	Syntax dicom.UID `json:"syntax,omitempty"` // Transfer Syntax of Data
	To     []string  `json:"to,omitempty"`     // destinations it is forwarded to
	Lax    bool      `json:"lax,omitempty"`    // what it must have was not demanded

	Links    []Link    `json:"links,omitempty"`
	Delivery int64     `json:"delivery,omitempty"` // that a destination took
	Mismatch *Mismatch `json:"mismatch,omitempty"`
	Status   Status    `json:"status,omitempty"`
	Reason   string    `json:"reason,omitempty"`

	Data []byte `json:"-"`
}

// The operations. They are in the journal and never change.
const (
	opCreate   = "n-create"
	opSet      = "n-set"
	opSent     = "mpps-sent" // a destination took a forwarded one
	opClose    = "close"     // images came of steps without MPPS
	opMismatch = "mismatch"
	opResolve  = "resolve" // an operator has dealt with a mismatch
	opStatus   = "status"  // an operator sets the state of steps
	opItem     = "item"    // a worklist item was imported
)

const recordVersion = 1

var errRecord = errors.New("a record of the worklist that cannot be read")

// encode gives the payload in parts.
func (r *record) encode() ([][]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, halong.E("worklist.record", halong.Internal, r.Op, err)
	}
	b := binary.AppendUvarint([]byte{recordVersion}, uint64(len(head)))
	return [][]byte{b, head, r.Data}, nil
}

// parseRecord reads what encode wrote. The error is of kind Corrupt.
func parseRecord(b []byte) (*record, error) {
	bad := func(err error) (*record, error) {
		return nil, halong.E("worklist.Replay", halong.Corrupt, "", errors.Join(errRecord, err))
	}
	if len(b) < 2 || b[0] != recordVersion {
		return bad(nil)
	}
	n, k := binary.Uvarint(b[1:])
	if k <= 0 || n > uint64(len(b)-1-k) {
		return bad(nil)
	}
	r := &record{}
	head, data := b[1+k:1+k+int(n)], b[1+k+int(n):]
	if err := json.Unmarshal(head, r); err != nil {
		return bad(err)
	}
	r.Data = data
	return r, nil
}
