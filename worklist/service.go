package worklist

import (
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// Events takes events within a transaction.
type Events interface {
	Emit(tx halong.Tx, e halong.Event) error
}

// Workitems takes orders as Unified Procedure Steps; *ups.Service is one.
type Workitems interface {
	Put(tx halong.Tx, f halong.Facility, uid dicom.UID, attrs *dataset.Set, at time.Time) error
	// Perform makes one IN PROGRESS under the order's transaction, and with done COMPLETED. ours is false where somebody else has it.
	Perform(tx halong.Tx, f halong.Facility, uid, transaction dicom.UID, done *dataset.Set, at time.Time) (ours bool, err error)
	// Withdraw cancels one that nobody else has.
	Withdraw(tx halong.Tx, f halong.Facility, uid, transaction dicom.UID, reason string, at time.Time) (ended bool, err error)
	// Ask tells whoever performs one that is IN PROGRESS that its cancellation is asked for.
	Ask(tx halong.Tx, f halong.Facility, uid dicom.UID, reason string, at time.Time) error
}

// Config sets a Service up.
type Config struct {
	Updater    halong.Updater
	Journal    Journal
	Orders     Orders
	Procedures Procedures
	Watch      Watch
	Reader     Reader
	Events     Events
	Workitems  Workitems // nil: none
	Mapping    *Mapping  // nil: that of PresetIHE
	// Served tells as whom the patient with a key is served; nil: as orders say.
	Served func(tx halong.Tx, patient int64) (Serve, error)
	Shown  Shown
	MPPS   MPPS
	// CloseByImages completes steps whose images came, where the modality says nothing by MPPS.
	CloseByImages bool
}

// MPPS says how Modality Performed Procedure Steps are taken.
type MPPS struct {
	Forward []string // destinations that each request is forwarded to
	Lenient bool     // attributes that PS3.4 table F.7.2-1 demands may be missing
}

// Service is the worklist.
type Service struct{ cfg Config }

// New makes a Service.
func New(c Config) *Service {
	if c.Mapping == nil {
		m, _ := Preset(PresetIHE)
		c.Mapping = &m
	}
	return &Service{c}
}

// Mapping tells how orders are read.
func (s *Service) Mapping() *Mapping { return s.cfg.Mapping }

// FindOrder finds the newest order of a facility by the first of its numbers that one has: placer, filler, accession. Empty numbers are
// not looked for.
func (s *Service) FindOrder(tx halong.Tx, f halong.Facility, placer, filler, accession string) (id int64, ok bool, err error) {
	for _, x := range []struct {
		by     NumberKind
		number string
	}{{ByPlacer, placer}, {ByFiller, filler}, {ByAccession, accession}} {
		if x.number == "" {
			continue
		}
		ids, err := s.cfg.Orders.OrdersBy(tx, f, x.by, x.number)
		if err != nil {
			return 0, false, err
		}
		if len(ids) > 0 {
			return ids[0], true, nil
		}
	}
	return 0, false, nil
}
