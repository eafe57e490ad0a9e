package patient

import (
	"github.com/halong-gateway/halong"
)

// Store keeps patients.
type Store interface {
	// AddPatient adds a patient and sets its Key, unless one with its identity is
	// there; then added is false.
	AddPatient(tx halong.Tx, p *Patient) (added bool, err error)
	// LookupPatient gives the patient with that identity. The error is of kind NotExist if there is none.
	LookupPatient(tx halong.Tx, id Identity) (*Patient, error)
	// UpdatePatient replaces a patient's row, found by its Key.
	UpdatePatient(tx halong.Tx, p *Patient) error
}

// Service keeps patients up to date.
type Service struct{ store Store }

// New makes a Service over a store.
func New(s Store) *Service { return &Service{store: s} }

// Recorded is what Record did.
type Recorded struct {
	Key     int64 // the store's key of the patient
	New     bool
	Changed bool // demographics or identifiers were changed or added
}

// Record makes known what a message told of a patient. Of one that is known
// already, fields that the message leaves empty stay, and a message that was sent before the
// one the demographics are from changes none of them. Identifiers are only ever added.
func (s *Service) Record(tx halong.Tx, p *Patient) (Recorded, error) {
	id, ok := p.Identity()
	if !ok {
		return Recorded{}, halong.E("patient.Record", halong.Invalid, "", nil)
	}
	fresh := *p
	fresh.clearNulls()
	added, err := s.store.AddPatient(tx, &fresh)
	if added || err != nil {
		return Recorded{Key: fresh.Key, New: true, Changed: true}, err
	}
	known, err := s.store.LookupPatient(tx, id)
	if err != nil {
		return Recorded{}, err
	}
	if !known.merge(p) {
		return Recorded{Key: known.Key}, nil
	}
	return Recorded{Key: known.Key, Changed: true}, s.store.UpdatePatient(tx, known)
}

// merge takes over what p tells and gives whether anything changed.
func (known *Patient) merge(p *Patient) (changed bool) {
	for _, id := range p.Identifiers {
		changed = known.know(id) || changed
	}
	if p.Sent != "" && known.Sent != "" && p.Sent < known.Sent {
		return changed
	}
	for _, f := range []struct {
		have *string
		told string
	}{{&known.Name, p.Name}, {&known.Birth, p.Birth}, {&known.Sex, p.Sex}} {
		told := f.told
		if told == "" {
			continue
		}
		if told == null {
			told = ""
		}
		if *f.have != told {
			*f.have, changed = told, true
		}
	}
	if changed && p.Sent != "" {
		known.Sent = p.Sent
	}
	return changed
}

func (p *Patient) clearNulls() {
	for _, f := range []*string{&p.Name, &p.Birth, &p.Sex} {
		if *f == null {
			*f = ""
		}
	}
}
