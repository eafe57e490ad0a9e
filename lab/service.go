package lab

import (
	"encoding/json"
	"time"

	"github.com/halong-gateway/halong"
)

// Service files reports.
type Service struct {
	store Store
}

// New makes a Service over a store.
func New(s Store) *Service { return &Service{store: s} }

// Filing says whose reports are filed and where they came from.
type Filing struct {
	Message  uint64 // journal record of the message
	From     int    // how many reports of the message were filed before
	Facility halong.Facility
	Patient  int64 // the store's key; 0: the message named no patient
	New      bool  // the patient was not known before: no earlier version is looked for
	Received time.Time
	Contents map[*Attachment]*Content // data of the message's attachments
	Ordinal  int                      // how many of them were filed before
}

// File adds one patient's reports of a message, each as the first or a further version, linked by its
// keys to the earlier ones of the same patient and service. It gives what was stored, in the same order.
func (s *Service) File(tx halong.Tx, f Filing, reports []*Report) ([]Head, error) {
	filed := make([]Head, 0, len(reports))
	known := map[string][]Head{} // by service
	for i, r := range reports {
		id := NewID(f.Message, f.From+i)
		h := Head{
			ID: id, First: id, Number: 1, Patient: f.Patient, Facility: f.Facility,
			Received: f.Received, Status: r.Status, Sent: r.Sent, Link: r.link(),
		}
		err := s.place(tx, &h, f, r.corrects(), known)
		if err != nil {
			return nil, err
		}
		if f.Ordinal, err = s.documents(tx, &h, f, r); err != nil {
			return nil, err
		}
		if err := s.add(tx, h, &f, r); err != nil {
			return nil, err
		}
		filed = append(filed, h)
	}
	return filed, nil
}

// add stores a version. Its message says what it says, but for the numbers of its documents.
func (s *Service) add(tx halong.Tx, h Head, f *Filing, r *Report) error {
	v := &Version{Head: h}
	if len(f.Contents) > 0 {
		var err error
		if v.Content, err = json.Marshal(r); err != nil {
			return halong.E("lab.File", halong.Internal, h.ID.String(), err)
		}
	}
	return s.store.AddVersion(tx, v)
}

// place finds the report that h is a version of.
func (s *Service) place(tx halong.Tx, h *Head, f Filing, correction bool, known map[string][]Head) error {
	if f.New || h.Patient == 0 && h.Filler+h.Placer+h.Accession == "" {
		return nil
	}
	heads, asked := known[h.Service]
	if !asked {
		var err error
		if heads, err = s.store.Heads(tx, h.Facility, h.Patient, h.Service); err != nil {
			return err
		}
	}
	h.First = earlier(heads, h, correction)
	if h.First != h.ID {
		h.follow(heads)
	}
	known[h.Service] = append(heads, *h)
	return nil
}

// follow makes h the next version of its report.
func (h *Head) follow(heads []Head) {
	shown := Head{Status: Registered}
	for i := range heads {
		if heads[i].First != h.First {
			continue
		}
		h.Number = max(h.Number, heads[i].Number+1) // the last of them need not have the highest: messages may be processed later
		if !heads[i].Late {
			shown = heads[i]
		}
	}
	h.Late = late(h.Status, h.Sent, shown.Status, shown.Sent)
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
		if taken[p.First] || !p.matches(&h.Link, correction) || h.Patient == 0 && !p.numbered(&h.Link) {
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
