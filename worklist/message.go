package worklist

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/hl7v2"
)

// controlCodes are what a filler says of a state of an order: Order Control Code (ORC-1, table 0119) and Order Status (ORC-5, table 0038).
var controlCodes = map[Status][2]string{
	Scheduled: {"SC", "SC"}, Arrived: {"SC", "SC"}, Ready: {"SC", "SC"}, Held: {"SC", "HD"}, Started: {"SC", "IP"}, Departed: {"SC", "IP"},
	Completed: {"SC", "CM"}, Discontinued: {"OD", "DC"}, Cancelled: {"OC", "CA"},
}

// StatusMessage builds the message by which the filler tells the placer of the state of an order (HL7 4.4.1, IHE RAD-3): MSH, PID, ORC,
// OBR and, in an OMI, its IPCs. Of the header, what is empty is filled in: the type is the order's, or ORM^O01; the receiver is who sent
// the order; the version is the order's.
func StatusMessage(o *Order, h hl7v2.Header) *hl7v2.Builder {
	if h.Type[0] == "" {
		h.Type = statusType(cmp.Or(o.StatusType, o.Type))
	}
	if h.ReceivingApplication == "" && h.ReceivingFacility == "" {
		h.ReceivingApplication, h.ReceivingFacility = o.Application, o.Site
	}
	h.Version = cmp.Or(h.Version, o.Version)
	b := hl7v2.NewBuilder(h)
	addPatient(b, o.Item())
	addStatus(b, o, h.Time)
	if h.Type[0] == "OMI" {
		addProcedures(b, o)
	}
	return b
}

// addressed notes who is told of the order's states, and by messages of which type: the one who placed it, by the type that he sends. Others
// who say something of it, such as an operator or an appointment, change neither.
func (o *Order) addressed(x *Order) {
	if o.StatusType == "" && o.Type != importType {
		o.StatusType = o.Type // of an order from before there was a StatusType
	}
	placed := o.StatusType != "" && !booking(o.StatusType)
	if !placed {
		o.Application, o.Site, o.Version = x.Application, x.Site, x.Version
	}
	if !placed || o.Application == x.Application && o.Site == x.Site && !booking(x.Type) {
		o.StatusType = x.Type
	}
	o.Type = x.Type
}

func booking(messageType string) bool { return strings.HasPrefix(messageType, "SIU^") }

// statusType gives the type of a status message for an order that came as another.
func statusType(came string) [3]string {
	switch code, _, _ := strings.Cut(came, "^"); code {
	case "OMI":
		return [3]string{"OMI", "O23", "OMI_O23"}
	case "OMG":
		return [3]string{"OMG", "O19", "OMG_O19"}
	case "OML":
		return [3]string{"OML", "O21", "OML_O21"}
	}
	return [3]string{"ORM", "O01", "ORM_O01"}
}

func addPatient(b *hl7v2.Builder, item *dataset.Set) {
	b.Add("PID")
	b.Set("PID-3.1", item.String(tag.PatientID))
	b.Set("PID-3.4", item.String(tag.IssuerOfPatientID))
	name, _, _ := strings.Cut(item.String(tag.PatientName), "=")
	b.SetName("PID-5", 0, name)
	b.Set("PID-7", item.String(tag.PatientBirthDate))
	b.Set("PID-8", item.String(tag.PatientSex))
}

func addStatus(b *hl7v2.Builder, o *Order, at time.Time) {
	code := controlCodes[o.Status]
	b.Add("ORC")
	b.Set("ORC-1", code[0])
	b.Set("ORC-5", code[1])
	b.Add("OBR")
	b.Set("OBR-1", "1")
	for _, seg := range []string{"ORC", "OBR"} {
		setNumber(b, seg+"-2", o.Placer)
		setNumber(b, seg+"-3", o.Filler)
	}
	b.Set("ORC-4", o.Group)
	if !at.IsZero() {
		b.Set("ORC-9", at.Format("20060102150405-0700"))
	}
	b.Set("OBR-4.1", o.Service.Value)
	b.Set("OBR-4.2", o.Service.Meaning)
	b.Set("OBR-4.3", o.Service.Scheme)
	b.Set("OBR-18", o.Accession)
	if len(o.Steps) > 0 {
		b.Set("OBR-19", o.Steps[0].Procedure)
		b.Set("OBR-20", o.Steps[0].ID)
		b.Set("OBR-24", o.Steps[0].Modality)
	}
}

func setNumber(b *hl7v2.Builder, path string, n Number) {
	b.Set(path+".1", n.ID)
	b.Set(path+".2", n.Authority)
}

// addProcedures adds an IPC for each step (HL7 4.5.6).
func addProcedures(b *hl7v2.Builder, o *Order) {
	for i := range o.Steps {
		s := &o.Steps[i]
		seg := "IPC"
		if i > 0 {
			seg = "IPC[" + strconv.Itoa(i+1) + "]"
		}
		b.Add("IPC")
		b.Set(seg+"-1.1", o.Accession)
		b.Set(seg+"-2.1", s.Procedure)
		b.Set(seg+"-3.1", string(s.Study))
		b.Set(seg+"-4.1", s.ID)
		b.Set(seg+"-5.1", s.Modality)
		if len(s.Stations) > 0 {
			b.Set(seg+"-9", s.Stations[0])
		}
	}
}
