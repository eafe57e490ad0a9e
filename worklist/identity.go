package worklist

import (
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Identity is who a patient is, as DICOM says it (PS3.3 C.2.1 to C.2.3). Texts are UTF-8; of empty ones nothing is known.
type Identity struct {
	ID     string `json:"id,omitempty"`     // Patient ID (0010,0020)
	Issuer string `json:"issuer,omitempty"` // Issuer of Patient ID (0010,0021)
	Name   string `json:"name,omitempty"`   // Patient's Name (0010,0010)
	Birth  string `json:"birth,omitempty"`  // Patient's Birth Date (0010,0030), YYYYMMDD
	Sex    string `json:"sex,omitempty"`    // Patient's Sex (0010,0040): F, M or O
}

// Serve gives the identity under which an order is served that was sent with another: that of the patient who survives, after a merge.
type Serve func(sent Identity) Identity

// identityOf reads the patient of an item.
func identityOf(s *dataset.Set) Identity {
	return Identity{
		ID: s.String(tag.PatientID), Issuer: s.String(tag.IssuerOfPatientID), Name: s.String(tag.PatientName),
		Birth: s.String(tag.PatientBirthDate), Sex: s.String(tag.PatientSex),
	}
}

// apply puts the patient into an item.
func (i Identity) apply(s *dataset.Set) {
	for _, x := range []struct {
		t     dicom.Tag
		vr    dicom.VR
		value string
	}{
		{tag.PatientID, dicom.LO, i.ID},
		{tag.IssuerOfPatientID, dicom.LO, i.Issuer},
		{tag.PatientName, dicom.PN, i.Name},
		{tag.PatientBirthDate, dicom.DA, i.Birth},
		{tag.PatientSex, dicom.CS, i.Sex},
	} {
		if x.value == "" {
			s.Delete(x.t)
			continue
		}
		s.PutString(x.t, x.vr, strings.ReplaceAll(x.value, `\`, " "))
	}
}

// identify puts the patient as served into all items of the order.
func (o *Order) identify(serve Serve) {
	who := o.Sent
	if serve != nil {
		who = serve(o.Sent)
	}
	for n := range o.Steps {
		who.apply(o.Steps[n].Attributes)
	}
	if o.Attributes != nil {
		who.apply(o.Attributes)
	}
}

// ordersAtOnce is how many orders one transaction brings in step with their patient, at about 1 ms for each.
const ordersAtOnce = 50

// PatientChanged makes the worklist tell the identity of a patient as it is now, after an update, a merge or its undoing: in all
// orders of the facility that were placed for the patient with the key and are not final. Those beyond ordersAtOnce, with those of all other patients that changed in the
// transaction, are left to PatientsChangedMore.
func (s *Service) PatientChanged(tx halong.Tx, f halong.Facility, key int64, serve Serve, at time.Time) error {
	ids, err := s.cfg.Orders.OrdersOf(tx, f, key)
	if err != nil {
		return err
	}
	now, err := s.cfg.Orders.AllowOrders(tx, len(ids), ordersAtOnce)
	if err != nil {
		return err
	}
	if n := len(ids) - now; n > 0 {
		if err := s.cfg.Orders.DeferOrders(tx, ids[:n], at); err != nil {
			return err
		}
		ids = ids[n:]
	}
	for _, id := range ids {
		o, err := s.cfg.Orders.Order(tx, id)
		if err != nil {
			return err
		}
		if err := s.reidentify(tx, o, serve, at); err != nil {
			return err
		}
	}
	return nil
}

// PatientsChangedMore does so for some of the orders that were left.
func (s *Service) PatientsChangedMore(tx halong.Tx) error {
	all, err := s.cfg.Orders.TakeDeferred(tx, ordersAtOnce)
	if err != nil {
		return err
	}
	for _, d := range all {
		o, err := s.cfg.Orders.Order(tx, d.ID)
		if halong.KindOf(err) == halong.NotExist && err != nil || err == nil && o.Status.Final() {
			continue
		}
		if err != nil {
			return err
		}
		serve, err := s.served(tx, Origin{}, o)
		if err != nil {
			return err
		}
		if err := s.reidentify(tx, o, serve, d.At); err != nil {
			return err
		}
	}
	return nil
}

// reidentify puts the patient as served into an order. What was said of the order since then stays the latest.
func (s *Service) reidentify(tx halong.Tx, o *Order, serve Serve, at time.Time) error {
	before := identityOf(o.Item())
	if o.identify(serve); identityOf(o.Item()) == before {
		return nil
	}
	if at.Before(o.Updated) {
		at = o.Updated
	}
	return s.put(tx, o, at)
}
