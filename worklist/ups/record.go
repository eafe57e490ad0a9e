package ups

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
)

// The operations of records. The texts are on disk.
const (
	opItem        = "item"        // the workitem is as the record says
	opCancel      = "cancel"      // cancellation was asked for of whoever performs it
	opSubscribe   = "subscribe"   // an AE subscribed
	opUnsubscribe = "unsubscribe" // an AE unsubscribed
	opSuspend     = "suspend"     // an AE suspended its global subscription
	opDelivered   = "delivered"   // reports reached an AE
	opDelete      = "delete"      // workitems were deleted by policy
	opForget      = "forget"      // their UIDs may be used again
)

// record is one change, as the journal keeps it: the length of the head as an unsigned varint, the head in JSON, then the attributes
// in Explicit VR Little Endian.
type record struct {
	Version     int             `json:"v"`
	Op          string          `json:"op"`
	Facility    halong.Facility `json:"facility"`
	At          int64           `json:"at"` // microseconds since 1970 UTC
	UID         dicom.UID       `json:"uid,omitempty"`
	State       State           `json:"state,omitempty"`
	Transaction dicom.UID       `json:"transaction,omitempty"`
	Moves       bool            `json:"moves,omitempty"` // Config.Moved is told of it; nobody was of records of the first versions
	AE          dicom.AETitle   `json:"ae,omitempty"`    // of a subscriber
	Lock        bool            `json:"lock,omitempty"`
	Keys        []recordKey     `json:"keys,omitempty"`    // of a filter
	Reports     []uint64        `json:"reports,omitempty"` // delivered
	Refs        []Ref           `json:"refs,omitempty"`    // deleted or forgotten

	// Of a subscription to many workitems, or its end, which are made in steps: how many a step is for (0: all of them, as records of the first
	// versions say); of a subscription, behind which UID, and how many of those to come are not reported.
	Step  int       `json:"step,omitempty"`
	After dicom.UID `json:"after,omitempty"`
	Quiet int       `json:"quiet,omitempty"`

	attributes *dataset.Set
	looked     int       // for how many workitems the step was when it was applied
	last       dicom.UID // and which was the last
}

// recordKey is a matching key.
type recordKey struct {
	Path   []dicom.Tag `json:"path"`
	VR     string      `json:"vr"`
	Values []string    `json:"values,omitempty"`
	Empty  bool        `json:"empty,omitempty"`
	Every  bool        `json:"every,omitempty"`
}

const recordVersion = 1

func (r *record) at() time.Time { return time.UnixMicro(r.At).UTC() }

// encode gives the payload in parts.
func (r *record) encode() ([][]byte, error) {
	r.Version = recordVersion
	head, err := json.Marshal(r)
	if err != nil {
		return nil, halong.E("ups.record", halong.Internal, string(r.UID), err)
	}
	parts := [][]byte{binary.AppendUvarint(nil, uint64(len(head))), head}
	if r.attributes != nil {
		parts = append(parts, r.attributes.Append(nil, syntax))
	}
	return parts, nil
}

// parseRecord reads what encode wrote. The error is of kind Corrupt.
func parseRecord(b []byte) (*record, error) {
	const op = "ups.parseRecord"
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, halong.E(op, halong.Corrupt, "", errors.New("the record is shorter than it claims"))
	}
	head, rest := b[size:size+int(n)], b[size+int(n):]
	r := &record{}
	if err := json.Unmarshal(head, r); err != nil {
		return nil, halong.E(op, halong.Corrupt, "", err)
	}
	if r.Version != recordVersion {
		return nil, halong.E(op, halong.Unsupported, string(r.UID), errors.New("a record of a later version"))
	}
	if len(rest) == 0 {
		return r, nil
	}
	var err error
	if r.attributes, err = ParseAttributes(append([]byte(nil), rest...)); err != nil { // the set outlives the record
		return nil, err
	}
	return r, nil
}

// AppendAttributes appends attributes as the index keeps them.
func AppendAttributes(b []byte, s *dataset.Set) []byte { return s.Append(b, syntax) }

// ParseAttributes reads what AppendAttributes wrote; the set's values point into b. The error is of kind Corrupt.
func ParseAttributes(b []byte) (*dataset.Set, error) {
	s, err := dataset.Parse(b, syntax, dataset.Limits{})
	if err != nil {
		return nil, halong.E("ups.ParseAttributes", halong.Corrupt, "", err)
	}
	return s, nil
}

func recordKeys(keys []query.Key) (list []recordKey) {
	for _, k := range keys {
		list = append(list, recordKey{k.Path, k.VR.String(), k.Values, k.Empty, k.Every})
	}
	return list
}

func queryKeys(keys []recordKey) (list []query.Key) {
	for _, k := range keys {
		list = append(list, query.Key{Path: k.Path, VR: dicom.ParseVR(k.VR), Values: k.Values, Empty: k.Empty, Every: k.Every})
	}
	return list
}

// AppendKeys gives matching keys as the index keeps them.
func AppendKeys(keys []query.Key) ([]byte, error) {
	b, err := json.Marshal(recordKeys(keys))
	if err != nil {
		return nil, halong.E("ups.AppendKeys", halong.Internal, "", err)
	}
	return b, nil
}

// ParseKeys reads what AppendKeys gave. The error is of kind Corrupt.
func ParseKeys(b []byte) ([]query.Key, error) {
	var keys []recordKey
	if err := json.Unmarshal(b, &keys); err != nil {
		return nil, halong.E("ups.ParseKeys", halong.Corrupt, "", err)
	}
	return queryKeys(keys), nil
}
