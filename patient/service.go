package patient

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
)

// Store keeps patients.
type Store interface {
	// AddPatient adds a patient and sets its Key, unless one with its identity is
	// there; then added is false.
	AddPatient(tx halong.Tx, p *Patient) (added bool, err error)
	// LookupPatient gives the patient with that identity. The error is of kind NotExist if there is none.
	LookupPatient(tx halong.Tx, id Identity) (*Patient, error)
	// Patient gives the patient with that Key. The error is of kind NotExist if there is none.
	Patient(tx halong.Tx, key int64) (*Patient, error)
	// UpdatePatient replaces a patient's row, found by its Key.
	UpdatePatient(tx halong.Tx, p *Patient) error
	// MergedInto gives the patients that were merged into one, over others too, the nearest first; at most limit of them.
	MergedInto(tx halong.Tx, key int64, limit int) ([]Retired, error)
	// LinkPatients adds a link between two patients and tells whether that changed anything.
	LinkPatients(tx halong.Tx, a, b int64) (changed bool, err error)
	// UnlinkPatients removes the links between any of some patients and any of others, and tells whether there was one.
	UnlinkPatients(tx halong.Tx, some, others []int64) (changed bool, err error)
	// AddChange adds to the history and sets c.ID.
	AddChange(tx halong.Tx, c *Change) error
	// Reidentify finds out anew, for every study that was received with a Patient ID, which identity it is served under. Where
	// those are many it notes durably what is left to do.
	Reidentify(tx halong.Tx, f halong.Facility, id string) error
	// Deferred tells whether Reidentify left something to do in this transaction.
	Deferred(tx halong.Tx) bool
	// Settled begins anew to count what the transaction may do before it has to leave something.
	Settled(tx halong.Tx) error
	// Pending tells whether something may be left to do, of any transaction and of the time before a restart.
	Pending() bool
	// ReidentifyMore does a bounded part of it. After the last one Pending is false.
	ReidentifyMore(tx halong.Tx) error
}

// Retired is a patient that was merged into another, directly or over others.
type Retired struct {
	*Patient
	Depth int // how many merges it takes; 1: directly
}

// Service keeps patients up to date.
type Service struct {
	store  Store
	policy Policy
	told   []Follower
	more   []func(halong.Tx) error
}

// Follower is told, in the transaction, of every patient whose identity may be served as another from now on: after a merge or its undoing
// of all whom it concerns, after an update, and when the patient became registered.
type Follower func(tx halong.Tx, p *Patient, at time.Time) error

// Tell adds a follower. It is to be called before the service is used.
func (s *Service) Tell(f Follower) { s.told = append(s.told, f) }

// TellMore adds what does a bounded part of what a follower left to do, in transactions of Finish. While it does so the store's Pending is true.
func (s *Service) TellMore(f func(tx halong.Tx) error) { s.more = append(s.more, f) }

// New makes a Service over a store. Without a policy the zero one holds.
func New(s Store, p ...Policy) *Service {
	x := &Service{store: s}
	for _, policy := range p {
		x.policy = policy
	}
	return x
}

// Finish does what Reidentify and followers left to do, in transactions between which others have their turn. Who is told that a merge is done is told so
// afterwards. What Finish does not come to is there after a restart.
func (s *Service) Finish(ctx context.Context, u halong.Updater) error {
	for s.store.Pending() {
		if err := u.Update(ctx, s.finishSome); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) finishSome(tx halong.Tx) error {
	err := s.store.ReidentifyMore(tx)
	for i := 0; i < len(s.more) && err == nil; i++ {
		err = s.more[i](tx)
	}
	return err
}

// FinishIn does it all within one transaction: in a replay, where nobody waits, it comes before what was said next, which may do as much as if it had a transaction
// for itself.
func (s *Service) FinishIn(tx halong.Tx) error {
	for s.store.Deferred(tx) {
		if err := s.finishSome(tx); err != nil {
			return err
		}
	}
	return s.store.Settled(tx)
}

// Deferred tells whether a transaction needs Finish before it may be called done.
func (s *Service) Deferred(tx halong.Tx) bool { return s.store.Deferred(tx) }

// Pending tells whether there may be something to do for Finish.
func (s *Service) Pending() bool { return s.store.Pending() }

// Recorded is what Record and Register did.
type Recorded struct {
	Key     int64 // the store's key of the patient
	New     bool
	Changed bool // demographics or identifiers were changed or added
	Retired bool // the patient is merged into another, who is served in its place
}

// Record makes known what a result or an order told of a patient. Of one that is known
// already, fields that the message leaves empty stay, and a message that was sent before the
// one the demographics are from changes none of them. Identifiers are only ever added. Demographics that an ADT message or
// an operator registered stay: laboratories and wards spell names in their own ways.
func (s *Service) Record(tx halong.Tx, p *Patient) (Recorded, error) {
	p = s.policy.own(p)
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
	told := *p
	if known.Registered {
		told.leave(known)
	}
	if !known.merge(&told) {
		return Recorded{Key: known.Key}, nil
	}
	if err = s.store.UpdatePatient(tx, known); err == nil && known.Registered {
		err = s.reidentify(tx, known, known.Since)
	}
	return Recorded{Key: known.Key, Changed: true}, err
}

// leave drops the demographics that are known already.
func (p *Patient) leave(known *Patient) {
	p.Sent = known.Sent
	for _, f := range []struct {
		told *string
		have string
	}{{&p.Name, known.Name}, {&p.Birth, known.Birth}, {&p.Sex, known.Sex}} {
		if f.have != "" || *f.told == null {
			*f.told = ""
		}
	}
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
