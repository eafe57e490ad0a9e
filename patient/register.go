package patient

import (
	"encoding/json"
	"slices"

	"github.com/halong-gateway/halong"
)

// Trusted gives what a message tells of a patient with the identifiers of trusted authorities alone; without any
// there is nobody to register.
func (s *Service) Trusted(p *Patient) *Patient { return s.policy.trusted(p) }

// Trusts tells whether a site says that identifiers of an assigning authority come in: its own, or one it trusts.
func (s *Service) Trusts(f halong.Facility, authority string) bool {
	a := s.policy.of(f)
	return authority == a.Own && a.Own != "" || slices.Contains(a.Trusted, authority)
}

// Told is what an ADT message or an operator says of a patient.
type Told struct {
	*Patient
	Update bool // it says so to correct what was registered or received (A08, A31 …), not to announce a visit
}

// Register makes known what an ADT message or an operator told of a patient. It takes over demographics as Record does, but in the
// place of what others told; and it notes each change in the history.
// From the first correction on, what is registered is served in the place of what headers bear (see Demographics).
//
// It takes the identifiers as they are: those of a message are to be Trusted before. The error is of kind Invalid if there is none.
func (s *Service) Register(tx halong.Tx, told Told, why Cause) (Recorded, error) {
	p := told.Patient
	id, ok := p.Identity()
	if !ok {
		return Recorded{}, halong.E("patient.Register", halong.Invalid, "", ErrIdentifier)
	}
	fresh := *p
	fresh.clearNulls()
	fresh.Registered, fresh.Current, fresh.Since = true, told.Update, why.At
	added, err := s.store.AddPatient(tx, &fresh)
	if err != nil {
		return Recorded{}, err
	}
	if added {
		done := Recorded{Key: fresh.Key, New: true, Changed: true}
		if err := s.store.AddChange(tx, &Change{Action: Registered, Patient: fresh.Key, Cause: why}); err != nil {
			return done, err
		}
		return done, s.reidentify(tx, &fresh, why.At)
	}
	known, err := s.store.LookupPatient(tx, id)
	if err != nil {
		return Recorded{}, err
	}
	return s.update(tx, known, p, told.Update, why)
}

// update takes over what is told of a patient that is known.
func (s *Service) update(tx halong.Tx, known, p *Patient, correction bool, why Cause) (Recorded, error) {
	before := known.demographics()
	was, current := known.Registered, known.Current
	if !was {
		known.Sent = "" // of others' word
	}
	changed := known.merge(p)
	other := known.demographics() != before
	known.Registered = true
	known.Current = current || correction || was && before.contradicts(known.demographics())
	if !changed && was && known.Current == current {
		return Recorded{Key: known.Key, Retired: known.Survivor != 0}, nil
	}
	if other || known.Current != current {
		known.Since = why.At
	}
	done := Recorded{Key: known.Key, Changed: changed, Retired: known.Survivor != 0}
	if err := s.store.UpdatePatient(tx, known); err != nil {
		return done, err
	}
	if changed || !was {
		c := Change{Action: Updated, Patient: known.Key, Cause: why}
		if !was {
			c.Action = Registered
		}
		if other {
			c.Before = before.json()
		}
		if err := s.store.AddChange(tx, &c); err != nil {
			return done, err
		}
	}
	return done, s.reidentify(tx, known, why.At)
}

// demographics are what may change of a patient.
type demographics struct {
	Name  string `json:"name,omitempty"`
	Birth string `json:"birthDate,omitempty"`
	Sex   string `json:"sex,omitempty"`
}

func (p *Patient) demographics() demographics { return demographics{p.Name, p.Birth, p.Sex} }

// contradicts tells whether something that was said is said otherwise now.
func (d demographics) contradicts(now demographics) bool {
	return d.Name != "" && d.Name != now.Name || d.Birth != "" && d.Birth != now.Birth || d.Sex != "" && d.Sex != now.Sex
}

func (d demographics) json() string {
	b, err := json.Marshal(d)
	if err != nil {
		return "" // cannot be: it has only texts
	}
	return string(b)
}

// known gives the stored patient with the identity of p, registered now if it is not known; what p says beside stays unread.
func (s *Service) known(tx halong.Tx, p *Patient, why Cause) (*Patient, error) {
	id, ok := p.Identity()
	if !ok {
		return nil, halong.E("patient.Register", halong.Invalid, "", ErrIdentifier)
	}
	stored, err := s.store.LookupPatient(tx, id)
	if halong.KindOf(err) == halong.NotExist && err != nil {
		bare := &Patient{Facility: p.Facility, Identifiers: p.Identifiers}
		if _, err := s.Register(tx, Told{Patient: bare}, why); err != nil {
			return nil, err
		}
		return s.store.LookupPatient(tx, id)
	}
	if err == nil && !stored.Registered {
		stored.Registered = true
		if err = s.store.UpdatePatient(tx, stored); err == nil { // it may be certain now, or not any more, whose a header is
			err = s.reidentify(tx, stored, why.At)
		}
	}
	return stored, err
}
