package worklist

import (
	"encoding/json"
	"time"

	"github.com/halong-gateway/halong"
)

// put writes an order as it is now and tells of it.
func (s *Service) put(tx halong.Tx, o *Order, at time.Time) error {
	o.Updated = at
	o.fill(at)
	if err := s.workitems(tx, o, at); err != nil { // it says of the steps which workitems are theirs
		return err
	}
	if err := s.cfg.Orders.PutOrder(tx, o); err != nil {
		return err
	}
	if err := s.awaited(tx, o, at); err != nil {
		return err
	}
	return s.emit(tx, halong.EventOrderStored, o.Facility, at, orderPayload(o))
}

// StatusPayload is the payload of halong.EventOrderStored and halong.EventOrderStatus. It names no patient.
type StatusPayload struct {
	Order     int64  `json:"order"`
	Kind      Kind   `json:"kind"`
	Placer    string `json:"placer,omitempty"`
	Filler    string `json:"filler,omitempty"`
	Accession string `json:"accession,omitempty"`
	Status    Status `json:"status"`
	Previous  Status `json:"previous,omitempty"`
	Cause     string `json:"cause,omitempty"`   // of a change of state: CauseOrder and so on
	Type      string `json:"type,omitempty"`    // of the last message about it: "OMI^O23"
	Message   uint64 `json:"message,omitempty"` // that message
}

func orderPayload(o *Order) StatusPayload {
	return StatusPayload{
		Order: o.ID, Kind: o.Kind, Placer: o.Placer.ID, Filler: o.Filler.ID, Accession: o.Accession, Status: o.Status, Type: o.Type, Message: o.Message,
	}
}

func (s *Service) emit(tx halong.Tx, t halong.EventType, f halong.Facility, at time.Time, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return halong.E("worklist.emit", halong.Internal, string(t), err)
	}
	return s.cfg.Events.Emit(tx, halong.Event{Type: t, Facility: f, Time: at, Payload: b})
}
