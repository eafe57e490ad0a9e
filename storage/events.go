package storage

import (
	"encoding/json"
	"time"

	"github.com/halong-gateway/halong"
)

// instancePayload is the payload of the instance events.
type instancePayload struct {
	Study   string `json:"study"`
	Series  string `json:"series"`
	SOP     string `json:"instance"`
	Class   string `json:"class,omitempty"`
	Digest  string `json:"digest"`
	Version int    `json:"version,omitempty"`
	Code    string `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Removal is the one that hid the instance, or was taken back; see docs/delete.md.
	Removal uint64 `json:"removal,omitempty"`
	// Received is the digest of the version as received, of which this one was made by coercion.
	Received string `json:"received,omitempty"`
}

func (a *Archive) emitInstance(tx halong.Tx, in *Instance, received halong.Digest, added Added) error {
	t := halong.EventInstanceStored
	switch {
	case added.Hidden:
		t = halong.EventInstanceHidden
	case added.Outcome == Version:
		t = halong.EventInstanceVersion
	}
	p := instancePayload{
		Study: string(in.Study), Series: string(in.Series), SOP: string(in.SOP),
		Class: string(in.Manifest.SOPClass), Digest: in.Digest.String(), Version: added.Version,
	}
	if received != (halong.Digest{}) {
		p.Received = received.String()
	}
	return a.emit(tx, t, in.Facility, in.Received, p)
}

func (a *Archive) emitQuarantine(tx halong.Tx, e *QuarantineEntry) error {
	return a.emit(tx, halong.EventQuarantined, e.Facility, e.Received, struct {
		Entry  uint64 `json:"entry"`
		Reason string `json:"reason"`
	}{e.Seq, e.Reason})
}

func (a *Archive) emit(tx halong.Tx, t halong.EventType, f halong.Facility, at time.Time, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return halong.E("storage.emit", halong.Internal, string(t), err)
	}
	return a.index.Emit(tx, halong.Event{Type: t, Facility: f, Time: at, Payload: b})
}
