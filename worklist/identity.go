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
	ID     string // Patient ID (0010,0020)
	Issuer string // Issuer of Patient ID (0010,0021)
	Name   string // Patient's Name (0010,0010)
	Birth  string // Patient's Birth Date (0010,0030), YYYYMMDD
	Sex    string // Patient's Sex (0010,0040): F, M or O
}

// apply puts what is known of the patient into a worklist item.
func (i Identity) apply(s *dataset.Set) {
	if i.ID != "" {
		s.PutString(tag.PatientID, dicom.LO, i.ID)
		s.Delete(tag.IssuerOfPatientID)
	}
	for _, x := range []struct {
		t     dicom.Tag
		vr    dicom.VR
		value string
	}{
		{tag.IssuerOfPatientID, dicom.LO, i.Issuer},
		{tag.PatientName, dicom.PN, i.Name},
		{tag.PatientBirthDate, dicom.DA, i.Birth},
		{tag.PatientSex, dicom.CS, i.Sex},
	} {
		if x.value != "" {
			s.PutString(x.t, x.vr, strings.ReplaceAll(x.value, `\`, " "))
		}
	}
}

// all puts the patient into all items of an order.
func (i Identity) all(o *Order) {
	for n := range o.Steps {
		i.apply(o.Steps[n].Attributes)
	}
	if o.Attributes != nil {
		i.apply(o.Attributes)
	}
}

// PatientChanged makes the worklist tell the identity of a patient as it is now, after an update, a merge or its undoing: in all
// orders of the facility that were placed for the patient with the key and are not final. What else the orders say of the patient stays.
func (s *Service) PatientChanged(tx halong.Tx, f halong.Facility, key int64, who Identity, at time.Time) error {
	ids, err := s.cfg.Orders.OrdersOf(tx, f, key)
	if err != nil {
		return err
	}
	for _, id := range ids {
		o, err := s.cfg.Orders.Order(tx, id)
		if err != nil {
			return err
		}
		who.all(o)
		if err := s.put(tx, o, at); err != nil {
			return err
		}
	}
	return nil
}
