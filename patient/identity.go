package patient

import (
	"errors"
	"time"

	"github.com/halong-gateway/halong"
)

// Action is what a change of identity did.
type Action string

// The actions.
const (
	Registered Action = "registered" // became known
	Updated    Action = "updated"    // demographics or identifiers changed
	Merged     Action = "merged"     // into another patient, who survives
	Unmerged   Action = "unmerged"   // is a patient of its own again
	Linked     Action = "linked"     // is the same person as another patient; both stay
	Unlinked   Action = "unlinked"
)

// Change is one entry of the history of identities.
type Change struct {
	ID      int64 // grows in the order of changes; the same after reindex
	Action  Action
	Patient int64 // Key of the patient that was changed
	Other   int64 // Key of the survivor, or of the other one of a link; 0: none
	Cause
	Before string // JSON: demographics before an update
}

// Cause says why something changes: who says so, when, and the journal record that holds it.
type Cause struct {
	At     time.Time // UTC, microseconds
	Record uint64    // a message, or an operator's decision
	By     halong.Source
	Reason string
}

// The reasons for which a change is refused. They come as the cause of an error of kind Conflict.
var (
	ErrIdentifier = errors.New("no identifier of a trusted assigning authority")
	ErrSelf       = errors.New("a patient cannot be merged or linked with itself")
	ErrCycle      = errors.New("the surviving patient is itself merged, over others, into the one to be merged")
	ErrMerged     = errors.New("the patient is merged into another one already; unmerge it first")
	ErrChain      = errors.New("too many merges follow on one another; merge into the patient who survives")
	ErrMany       = errors.New("too many patients are merged into one")
	ErrNotMerged  = errors.New("the patient is not merged")
	ErrNotLinked  = errors.New("the patients are not linked")
	ErrFacility   = errors.New("patients of different facilities are linked, not merged")
)

var errCircle = errors.New("merges form a circle")

func refuse(op string, cause error) error { return halong.E(op, halong.Conflict, "", cause) }

// Current gives the surviving identity of a patient: itself unless it was merged. The error is of kind
// NotExist if there is no such patient.
func (s *Service) Current(tx halong.Tx, key int64) (*Patient, error) {
	p, err := s.store.Patient(tx, key)
	if err != nil {
		return nil, err
	}
	return s.survivor(tx, p)
}

func (s *Service) survivor(tx halong.Tx, p *Patient) (*Patient, error) {
	all, err := s.above(tx, p)
	if n := len(all); n > 0 {
		p = all[n-1]
	}
	return p, err
}

// Merge makes survivor stand for retired, and for all that were merged into it. Both are registered if they are not known. To
// merge again what is merged so is no change. If survivor was itself merged, directly, into retired, the two change places.
func (s *Service) Merge(tx halong.Tx, survivor, retired *Patient, why Cause) (changed bool, err error) {
	const op = "patient.Merge"
	if survivor.Facility != retired.Facility {
		return false, refuse(op, ErrFacility)
	}
	if a, b := identityOf(survivor), identityOf(retired); a == b {
		return false, refuse(op, ErrSelf)
	}
	to, err := s.known(tx, survivor, why)
	if err != nil {
		return false, err
	}
	from, err := s.known(tx, retired, why)
	if err != nil {
		return false, err
	}
	above, err := s.above(tx, to)
	if err != nil {
		return false, err
	}
	switch at := position(above, from.Key); {
	case from.Survivor != 0:
		return s.again(tx, op, from, to)
	case at == 0: // they change places
		if err := s.setSurvivor(tx, to, 0, Unmerged, why); err != nil {
			return false, err
		}
	case at > 0:
		return false, refuse(op, ErrCycle)
	default:
		if err := s.fits(tx, op, from, to, above); err != nil {
			return false, err
		}
	}
	return true, s.setSurvivor(tx, from, to.Key, Merged, why)
}

// again tells whether from, which is merged, is so into to already.
func (s *Service) again(tx halong.Tx, op string, from, to *Patient) (bool, error) {
	above, err := s.above(tx, from)
	if err == nil && position(above, to.Key) < 0 {
		err = refuse(op, ErrMerged)
	}
	return false, err
}

// Bounds of what one patient may be merged of: who changes one looks at all of them. Real ones have two or three.
const (
	maxChain  = 16   // merges that follow on one another
	MaxMerged = 1000 // patients that are one in the end
)

// fits tells whether from, with all that were merged into it, may come below to, above which others are.
func (s *Service) fits(tx halong.Tx, op string, from, to *Patient, above []*Patient) error {
	below, err := s.store.MergedInto(tx, from.Key, MaxMerged)
	if err != nil {
		return err
	}
	height := 0
	for _, r := range below {
		height = max(height, r.Depth)
	}
	if len(above)+height+1 > maxChain {
		return refuse(op, ErrChain)
	}
	root := to
	if n := len(above); n > 0 {
		root = above[n-1]
	}
	others, err := s.store.MergedInto(tx, root.Key, MaxMerged)
	if err == nil && len(others)+len(below)+1 > MaxMerged {
		err = refuse(op, ErrMany)
	}
	return err
}

// above lists those a patient was merged into, the direct one first.
func (s *Service) above(tx halong.Tx, p *Patient) (all []*Patient, err error) {
	for p.Survivor != 0 {
		if len(all) > maxChain { // Merge makes no such chain
			return nil, halong.E("patient.above", halong.Corrupt, "", errCircle)
		}
		if p, err = s.store.Patient(tx, p.Survivor); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func position(in []*Patient, key int64) int {
	for i, p := range in {
		if p.Key == key {
			return i
		}
	}
	return -1
}

// Lookup gives the patient with an identity; nil if there is none.
func (s *Service) Lookup(tx halong.Tx, id Identity) (*Patient, error) {
	p, err := s.store.LookupPatient(tx, id)
	if err != nil && halong.KindOf(err) == halong.NotExist {
		return nil, nil
	}
	return p, err
}

// IsMerged tells whether a patient is merged, directly, into another. One who is not known is not.
func (s *Service) IsMerged(tx halong.Tx, id, into Identity) (bool, error) {
	p, err := s.store.LookupPatient(tx, id)
	if err == nil && p.Survivor != 0 {
		p, err = s.store.Patient(tx, p.Survivor)
		return err == nil && identityOf(p) == into, err
	}
	if halong.KindOf(err) == halong.NotExist {
		err = nil
	}
	return false, err
}

// Unmerge makes a patient that was merged one of its own again, with all that had been merged into it.
func (s *Service) Unmerge(tx halong.Tx, id Identity, why Cause) (*Patient, error) {
	p, err := s.store.LookupPatient(tx, id)
	if err != nil {
		return nil, err
	}
	if p.Survivor == 0 {
		return nil, refuse("patient.Unmerge", ErrNotMerged)
	}
	return p, s.setSurvivor(tx, p, 0, Unmerged, why)
}

// setSurvivor merges or unmerges, and brings what is served in step.
func (s *Service) setSurvivor(tx halong.Tx, p *Patient, survivor int64, a Action, why Cause) error {
	other := survivor
	if survivor == 0 {
		other = p.Survivor
	}
	p.Survivor, p.Since = survivor, why.At
	if err := s.store.UpdatePatient(tx, p); err != nil {
		return err
	}
	if err := s.store.AddChange(tx, &Change{Action: a, Patient: p.Key, Other: other, Cause: why}); err != nil {
		return err
	}
	return s.reidentify(tx, p, why.At)
}

// reidentify brings the studies of a patient, and of all that were merged into it, in step with whom they are of, and tells those who follow.
func (s *Service) reidentify(tx halong.Tx, p *Patient, at time.Time) error {
	below, err := s.store.MergedInto(tx, p.Key, MaxMerged)
	if err != nil {
		return err
	}
	for _, x := range append([]Retired{{Patient: p}}, below...) {
		id, _ := x.Identity()
		if err := s.store.Reidentify(tx, id.Facility, id.ID); err != nil {
			return err
		}
		for _, tell := range s.told {
			if err := tell(tx, x.Patient, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// Served gives what is served in the place of what a header, or an order, says of a patient.
func (s *Service) Served(tx halong.Tx, key int64) (func(Header) Header, error) {
	p, err := s.store.Patient(tx, key)
	if err != nil {
		return nil, err
	}
	survivor, err := s.survivor(tx, p)
	return func(h Header) Header { return s.policy.Serve(h, p, survivor) }, err
}

// Link says that two patients are one person; both stay as they are.
func (s *Service) Link(tx halong.Tx, a, b *Patient, why Cause) (changed bool, err error) {
	x, y, err := s.two(tx, a, b, why)
	if err != nil {
		return false, err
	}
	if changed, err = s.store.LinkPatients(tx, x.Key, y.Key); !changed || err != nil {
		return false, err
	}
	return true, s.store.AddChange(tx, &Change{Action: Linked, Patient: x.Key, Other: y.Key, Cause: why})
}

// Unlink takes that back, also where it was said of one who is merged into one of them: whoever asks knows the survivors.
func (s *Service) Unlink(tx halong.Tx, a, b *Patient, why Cause) error {
	x, y, err := s.two(tx, a, b, why)
	if err != nil {
		return err
	}
	some, err := s.group(tx, x)
	if err != nil {
		return err
	}
	others, err := s.group(tx, y)
	if err != nil {
		return err
	}
	changed, err := s.store.UnlinkPatients(tx, some, others)
	if err == nil && !changed {
		err = refuse("patient.Unlink", ErrNotLinked)
	}
	if err != nil {
		return err
	}
	return s.store.AddChange(tx, &Change{Action: Unlinked, Patient: x.Key, Other: y.Key, Cause: why})
}

// two gives two patients that are not the same one.
func (s *Service) two(tx halong.Tx, a, b *Patient, why Cause) (x, y *Patient, err error) {
	if identityOf(a) == identityOf(b) {
		return nil, nil, refuse("patient.Link", ErrSelf)
	}
	if x, err = s.known(tx, a, why); err == nil {
		y, err = s.known(tx, b, why)
	}
	return x, y, err
}

// group gives a patient and those who were merged into it.
func (s *Service) group(tx halong.Tx, p *Patient) ([]int64, error) {
	merged, err := s.store.MergedInto(tx, p.Key, MaxMerged)
	all := []int64{p.Key}
	for _, m := range merged {
		all = append(all, m.Key)
	}
	return all, err
}

func identityOf(p *Patient) Identity {
	id, _ := p.Identity()
	return id
}
