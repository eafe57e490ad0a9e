package lab

import (
	"time"

	"github.com/halong-gateway/halong"
)

// Service files reports.
type Service struct{ store Store }

// New makes a Service over a store.
func New(s Store) *Service { return &Service{store: s} }

// Filing says whose and which a report is.
type Filing struct {
	ID       ID
	Facility halong.Facility
	Patient  int64 // the store's key; 0: the message named no patient
	New      bool  // the patient was not known before: no earlier version is looked for
	Received time.Time
}

// File adds a report as the first or a further version, linked by its keys to
// the earlier ones of the same patient and service. It gives what was stored.
func (s *Service) File(tx halong.Tx, f Filing, r *Report) (Head, error) {
	h := Head{ID: f.ID, First: f.ID, Number: 1, Patient: f.Patient, Facility: f.Facility,
		Received: f.Received, Status: r.Status, Sent: r.Sent, Link: r.link()}
	if err := s.place(tx, &h, f.New, r.corrects()); err != nil {
		return Head{}, err
	}
	content := appendReport(make([]byte, 0, 512+256*len(r.Observations)), r)
	return h, s.store.AddVersion(tx, &Version{Head: h, Content: content})
}

// place finds the report that h is a version of.
func (s *Service) place(tx halong.Tx, h *Head, unknown, correction bool) error {
	if unknown || h.Patient == 0 && h.Filler+h.Placer+h.Accession == "" {
		return nil
	}
	heads, err := s.store.Heads(tx, h.Facility, h.Patient, h.Service)
	if err != nil {
		return err
	}
	h.First = earlier(heads, h, correction)
	if h.First == h.ID {
		return nil
	}
	shown := Head{Status: Registered}
	for i := range heads {
		if heads[i].First != h.First {
			continue
		}
		h.Number = heads[i].Number + 1
		if !heads[i].Late {
			shown = heads[i]
		}
	}
	h.Late = late(h.Status, h.Sent, shown.Status, shown.Sent)
	return nil
}

// earlier gives the report that h is a further version of, h.ID if there is none: of
// the latest message with a report that fits, the first that no other report of h's message has taken.
func earlier(heads []Head, h *Head, correction bool) ID {
	taken := map[ID]bool{}
	for i := range heads {
		if heads[i].ID.Message() == h.ID.Message() {
			taken[heads[i].First] = true
		}
	}
	found, message := h.ID, uint64(0)
	for i := len(heads) - 1; i >= 0; i-- {
		p := &heads[i]
		if taken[p.First] || !p.matches(&h.Link, correction) {
			continue
		}
		if message != 0 && p.ID.Message() != message {
			break
		}
		found, message = p.First, p.ID.Message()
	}
	return found
}

// corrects tells whether the report calls itself a correction of an earlier one.
func (r *Report) corrects() bool {
	if r.Status == Corrected {
		return true
	}
	for i := range r.Observations {
		if s := r.Observations[i].Status; s.rank() > Final.rank() && s != Cancelled {
			return true
		}
	}
	return false
}
