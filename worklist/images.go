package worklist

import (
	"context"
	"slices"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Images is what is told of a study that was received, as it is served.
type Images struct {
	Facility  halong.Facility
	Study     dicom.UID
	Accession string
	PatientID string
	Date      string // Study Date, YYYYMMDD; empty: not known
	Issuer    string
	StepIDs   []string // Scheduled Procedure Step IDs in its Request Attributes Sequences
	// Modalities are those of its series.
	Modalities []string
}

// alike are modalities that one device, or one order, may call this or that.
var alike = map[string]string{"CR": "DX", "DR": "DX", "RG": "DX", "XR": "DX", "RF": "DX", "XC": "ES", "GM": "SM", "OPT": "OP"}

// derived are modalities of what is made of images, which say nothing of where these are from.
var derived = set("SR PR KO SEG REG DOC RTSTRUCT RTPLAN RTDOSE PLAN AU FID RWV OT SC")

// fits tells whether a study may be of a step of a modality. Of OT, which stands for none, everything is.
func (im *Images) fits(modality string) bool {
	known := false
	for _, m := range im.Modalities {
		if derived[m] {
			continue
		}
		known = true
		if m == modality || orElse(alike[m], m) == orElse(alike[modality], modality) {
			return true
		}
	}
	return !known || modality == "" || modality == "OT"
}

// Mismatch is a study that names an order and contradicts it.
type Mismatch struct {
	ID        int64           `json:"id"` // the journal record that found it
	Facility  halong.Facility `json:"facility"`
	Study     dicom.UID       `json:"study"`              // that was received
	Order     int64           `json:"order"`              // that it names; 0: none has its accession number
	Expected  dicom.UID       `json:"expected,omitempty"` // the order's Study Instance UID
	Accession string          `json:"accession"`          // the order's
	Differs   []string        `json:"differs"`            // DiffersPatient and so on
	Found     time.Time       `json:"found"`              //
	Resolved  time.Time       `json:"resolved,omitzero"`  // when an operator said that it was dealt with
	Note      string          `json:"note,omitempty"`     // what was done
}

// What differs.
const (
	DiffersPatient   = "patient"   // the Accession Number or the Study Instance UID is an order's, the patient is another
	DiffersStudy     = "study"     // the modality made a Study Instance UID of its own
	DiffersAccession = "accession" // the Accession Number is another than the order's
	DiffersModality  = "modality"  // no step of the order is of a modality that the study has: another entry of the worklist was meant
)

// Watch is where the consumer of arriving images keeps what it has to do. It is made again from the events, and is not in the journal.
type Watch interface {
	// WatchStudies notes studies that received objects, and how far the events were read.
	WatchStudies(tx halong.Tx, studies []Watched, cursor uint64) error
	// WatchCursor tells how far the events were read; 0 for not at all.
	WatchCursor(ctx context.Context) (uint64, error)
	// DueStudies gives studies whose Since is not after a time: that nothing was received of since then, or that were postponed.
	DueStudies(ctx context.Context, before time.Time, limit int) ([]Watched, error)
	// Unwatch forgets a study, unless it received something after its Last.
	Unwatch(tx halong.Tx, w Watched) error
	// PostponeStudy notes Since, Tries and Reason of a study whose comparison failed, unless it received something after its Last.
	PostponeStudy(tx halong.Tx, w Watched) error
	// FailedStudies gives those that were postponed and did not succeed since.
	FailedStudies(ctx context.Context, scope halong.Scope, limit int) ([]Watched, error)
	// WatchUnmatched notes the facility's studies that are unmatched with an accession number: its order came.
	WatchUnmatched(tx halong.Tx, f halong.Facility, accession string, at time.Time) error
	// HasSteps tells whether any order of the facility has steps.
	HasSteps(tx halong.Tx, f halong.Facility) (bool, error)
	// MismatchOf gives the mismatch of a study with an order; NotExist if there is none.
	MismatchOf(tx halong.Tx, f halong.Facility, study dicom.UID, order int64) (*Mismatch, error)
}

// Watched is a study that received objects.
type Watched struct {
	Facility halong.Facility
	Study    dicom.UID
	Last     time.Time // when the last object came
	Since    time.Time // what its quiet time counts from: Last, or later, so that one that failed waits longer
	Tries    int       // how often its comparison with orders failed
	Reason   string    // why it did the last time, without patient data
}

// Arrived looks what a study means for orders, some time after its last object came: it closes the steps that it was made for, and finds out whether it
// contradicts them.
func (s *Service) Arrived(tx halong.Tx, im *Images, at time.Time) error {
	orders, err := s.meant(tx, im)
	if err != nil {
		return err
	}
	if len(orders) == 0 {
		return s.unmatched(tx, im, at)
	}
	if err := s.matched(tx, im, "its order came", at); err != nil {
		return err
	}
	var links []Link
	for _, o := range orders {
		differs := o.differs(im)
		if len(differs) > 0 {
			if err := s.contradicted(tx, o, im, differs, at); err != nil {
				return err
			}
		}
		if !slices.Contains(differs, DiffersPatient) {
			links = append(links, o.imaged(im)...)
		}
	}
	if len(links) == 0 || !s.cfg.CloseByImages {
		return nil
	}
	return s.record(tx, &record{Op: opClose, Facility: im.Facility, At: at, Links: links, Status: Completed, SOP: im.Study})
}

// record writes a record and applies it within a transaction.
func (s *Service) record(tx halong.Tx, r *record) error {
	parts, err := r.encode()
	if err != nil {
		return err
	}
	seq, err := s.cfg.Journal.Append(tx, parts...)
	if err != nil {
		return err
	}
	_, err = s.apply(tx, seq, r)
	return err
}

// meant gives the orders that a study is for: those with its Study Instance UID, else those with its Accession Number. An Accession Number of orders
// for several patients means the order of the study's own; if there is none, the newest, which it then contradicts. Of several orders of the patient those are
// meant that are for a modality of the study.
func (s *Service) meant(tx halong.Tx, im *Images) ([]*Order, error) {
	for _, x := range []struct {
		by     NumberKind
		number string
	}{{ByStudy, string(im.Study)}, {ByAccession, im.Accession}} {
		if x.number == "" {
			continue
		}
		ids, err := s.cfg.Orders.OrdersBy(tx, im.Facility, x.by, x.number)
		if err != nil {
			return nil, err
		}
		var all, own []*Order
		for _, id := range ids {
			o, err := s.cfg.Orders.Order(tx, id)
			if err != nil {
				return nil, err
			}
			if o.Kind != Imaging {
				continue
			}
			all = append(all, o)
			if o.isOf(im) {
				own = append(own, o)
			}
		}
		fitting := slices.DeleteFunc(slices.Clone(own), func(o *Order) bool { return !o.fits(im) })
		switch {
		case len(fitting) > 0:
			return fitting, nil
		case len(own) > 0:
			return own, nil
		case len(all) > 0:
			return all[:1], nil
		}
	}
	return nil, nil
}

// isOf tells whether a study's patient is the order's, as sent or as served.
func (o *Order) isOf(im *Images) bool {
	for _, who := range []Identity{o.Sent, identityOf(o.Item())} {
		if who.ID == im.PatientID && (who.Issuer == im.Issuer || who.Issuer == "" || im.Issuer == "") {
			return true
		}
	}
	return false
}

// fits tells whether a study may be of one of the order's steps by its modality, or says that it is of one.
func (o *Order) fits(im *Images) bool {
	return slices.ContainsFunc(o.Steps, func(s Step) bool { return im.fits(s.Modality) || slices.Contains(im.StepIDs, s.ID) })
}

// differs tells in what a study contradicts the order it names.
func (o *Order) differs(im *Images) (list []string) {
	if !o.isOf(im) {
		list = append(list, DiffersPatient)
	}
	if !slices.ContainsFunc(o.Steps, func(s Step) bool { return s.Study == im.Study }) {
		list = append(list, DiffersStudy)
	}
	if im.Accession != "" && o.Accession != "" && !slices.ContainsFunc(o.Steps, func(s Step) bool { return s.Attributes.String(tag.AccessionNumber) == im.Accession }) {
		list = append(list, DiffersAccession)
	}
	if !o.fits(im) {
		list = append(list, DiffersModality)
	}
	return list
}

// imaged gives the steps that the images are of and that no modality says it works on: by their Scheduled Procedure Step IDs, else all of the study, else all; of
// these the ones for a modality that the images are from.
func (o *Order) imaged(im *Images) (links []Link) {
	study := slices.ContainsFunc(o.Steps, func(s Step) bool { return s.Study == im.Study })
	named := slices.ContainsFunc(o.Steps, func(s Step) bool { return slices.Contains(im.StepIDs, s.ID) })
	for i := range o.Steps {
		s := &o.Steps[i]
		switch {
		case s.Status.Final() || s.Performed != "":
		case named && !slices.Contains(im.StepIDs, s.ID):
		case !named && (study && s.Study != im.Study || !im.fits(s.Modality)):
		default:
			links = append(links, Link{o.ID, i})
		}
	}
	return links
}

// contradicted writes down that a study contradicts an order, once.
func (s *Service) contradicted(tx halong.Tx, o *Order, im *Images, differs []string, at time.Time) error {
	known, err := s.cfg.Watch.MismatchOf(tx, im.Facility, im.Study, o.ID)
	if err != nil && halong.KindOf(err) != halong.NotExist {
		return err
	}
	if err == nil && slices.Equal(known.Differs, differs) {
		return nil
	}
	m := &Mismatch{Facility: im.Facility, Study: im.Study, Order: o.ID, Accession: o.Accession, Differs: differs, Found: at}
	if len(o.Steps) > 0 {
		m.Expected = o.Steps[0].Study
	}
	return s.record(tx, &record{Op: opMismatch, Facility: im.Facility, At: at, Mismatch: m})
}

type mismatchPayload struct {
	Mismatch int64    `json:"mismatch"`
	Study    string   `json:"study"`
	Order    int64    `json:"order,omitempty"`
	Differs  []string `json:"differs,omitempty"`
}

// mismatch applies the record of one.
func (s *Service) mismatch(tx halong.Tx, seq uint64, r *record) error {
	m := *r.Mismatch
	m.ID = int64(seq)
	if err := s.cfg.Procedures.PutMismatch(tx, &m); err != nil {
		return err
	}
	event := halong.EventOrderMismatch
	if m.Unmatched() {
		event = halong.EventOrderUnmatched
	}
	return s.emit(tx, event, m.Facility, r.At, mismatchPayload{m.ID, string(m.Study), m.Order, m.Differs})
}

// resolve applies an operator's word that a mismatch was dealt with.
func (s *Service) resolve(tx halong.Tx, r *record) error {
	m, err := s.cfg.Procedures.Mismatch(tx, r.Mismatch.ID)
	if err != nil {
		return err
	}
	m.Resolved, m.Note = r.At, r.Reason
	return s.cfg.Procedures.PutMismatch(tx, m)
}
