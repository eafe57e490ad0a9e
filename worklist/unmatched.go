package worklist

import (
	"slices"
	"time"

	"github.com/halong-gateway/halong"
)

// DiffersOrder is what differs of a study with an accession number that no order has. Such a Mismatch has no Order, and the study's own Accession: somebody
// typed the number, or it is of an order that did not come.
const DiffersOrder = "order"

// unmatchedAge is how long before its last object came an unmatched study may have been made: of older ones, from another archive, there are no orders here.
const unmatchedAge = 7 * 24 * time.Hour

// unmatched writes down that a study has an accession number of no order, once. In a facility whose orders do not come here that says nothing.
func (s *Service) unmatched(tx halong.Tx, im *Images, at time.Time) error {
	if im.Accession == "" || im.madeBefore(at.Add(-unmatchedAge)) {
		return nil
	}
	if used, err := s.cfg.Watch.HasSteps(tx, im.Facility); !used || err != nil {
		return err
	}
	ids, err := s.cfg.Orders.OrdersBy(tx, im.Facility, ByAccession, im.Accession) // of any kind: pathology's images are of laboratory orders
	if len(ids) > 0 || err != nil {
		return err
	}
	known, err := s.cfg.Watch.MismatchOf(tx, im.Facility, im.Study, 0)
	if err == nil && known.Accession == im.Accession {
		return nil
	}
	if err == nil {
		err = s.matched(tx, im, "it has another accession number now", at)
	}
	if err != nil && halong.KindOf(err) != halong.NotExist {
		return err
	}
	m := &Mismatch{Facility: im.Facility, Study: im.Study, Accession: im.Accession, Differs: []string{DiffersOrder}, Found: at}
	return s.record(tx, &record{Op: opMismatch, Facility: im.Facility, At: at, Mismatch: m})
}

// madeBefore tells whether the study's date, as far as it has one, is before a day. It may be a day off: dates are the site's.
func (im *Images) madeBefore(day time.Time) bool {
	return len(im.Date) == len("20060102") && im.Date < day.Add(-24*time.Hour).Format("20060102")
}

// matched ends it that a study was unmatched.
func (s *Service) matched(tx halong.Tx, im *Images, why string, at time.Time) error {
	m, err := s.cfg.Watch.MismatchOf(tx, im.Facility, im.Study, 0)
	switch {
	case halong.KindOf(err) == halong.NotExist && err != nil, err == nil && !m.Resolved.IsZero():
		return nil
	case err != nil:
		return err
	}
	return s.record(tx, &record{Op: opResolve, Facility: im.Facility, At: at, Mismatch: &Mismatch{ID: m.ID}, Reason: why})
}

// awaited lets studies that came before their order be compared again.
func (s *Service) awaited(tx halong.Tx, o *Order, at time.Time) error {
	if o.Accession == "" || o.Status.Final() {
		return nil
	}
	return s.cfg.Watch.WatchUnmatched(tx, o.Facility, o.Accession, at)
}

// Unmatched tells whether it is a study's that no order is for.
func (m *Mismatch) Unmatched() bool { return slices.Contains(m.Differs, DiffersOrder) }
