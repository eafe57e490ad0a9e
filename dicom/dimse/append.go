package dimse

import (
	"encoding/binary"

	"github.com/halong-gateway/halong/dicom"
)

// Append adds the Command Set's encoding to dst, in ascending order of tags and
// with the group length first (PS3.7 6.3.1).
func (c *Command) Append(dst []byte) []byte {
	start := len(dst)
	w := commandWriter{append(dst, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0)}
	w.uid(elemAffectedSOPClass, c.AffectedSOPClass)
	w.uid(elemRequestedSOPClass, c.RequestedSOPClass)
	w.short(elemField, uint16(c.Field))
	responds := c.Field.IsResponse() || c.Field == CCancelRQ
	if !responds || c.MessageID != 0 {
		w.short(elemMessageID, c.MessageID)
	}
	if responds || c.RespondedTo != 0 {
		w.short(elemRespondedTo, c.RespondedTo)
	}
	w.text(elemMoveDestination, c.MoveDestination)
	if c.Field.hasPriority() || c.Priority != 0 {
		w.short(elemPriority, uint16(c.Priority))
	}
	dataSet := uint16(noDataSet)
	if c.HasDataSet {
		dataSet = 1
	}
	w.short(elemDataSetType, dataSet)
	if c.Field.IsResponse() || c.Status != 0 {
		w.short(elemStatus, uint16(c.Status))
	}
	w.tags(elemOffendingElement, c.OffendingElements)
	w.text(elemErrorComment, c.ErrorComment)
	w.optional(elemErrorID, c.ErrorID)
	w.uid(elemAffectedSOPInstance, c.AffectedSOPInstance)
	w.uid(elemRequestedSOPInstance, c.RequestedSOPInstance)
	w.optional(elemEventTypeID, c.EventTypeID)
	w.tags(elemAttributeIdentifiers, c.AttributeIdentifiers)
	w.optional(elemActionTypeID, c.ActionTypeID)
	w.optional(elemRemaining, c.Remaining)
	w.optional(elemCompleted, c.Completed)
	w.optional(elemFailed, c.Failed)
	w.optional(elemWarning, c.Warning)
	w.text(elemMoveOriginator, c.MoveOriginator)
	w.optional(elemMoveOriginatorID, c.MoveOriginatorID)
	binary.LittleEndian.PutUint32(w.b[start+8:], uint32(len(w.b)-start-12))
	return w.b
}

type commandWriter struct{ b []byte }

func (w *commandWriter) header(elem uint16, n int) {
	w.b = append(w.b, 0, 0)
	w.b = binary.LittleEndian.AppendUint16(w.b, elem)
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(n))
}

func (w *commandWriter) short(elem, v uint16) {
	w.header(elem, 2)
	w.b = binary.LittleEndian.AppendUint16(w.b, v)
}

func (w *commandWriter) optional(elem uint16, v *uint16) {
	if v != nil {
		w.short(elem, *v)
	}
}

func (w *commandWriter) uid(elem uint16, u dicom.UID) { w.padded(elem, string(u), 0) }

func (w *commandWriter) text(elem uint16, s string) { w.padded(elem, s, ' ') }

// padded adds text of even length; nothing when it is empty.
func (w *commandWriter) padded(elem uint16, s string, pad byte) {
	if s == "" {
		return
	}
	w.header(elem, len(s)+len(s)%2)
	w.b = append(w.b, s...)
	if len(s)%2 == 1 {
		w.b = append(w.b, pad)
	}
}

func (w *commandWriter) tags(elem uint16, list []dicom.Tag) {
	if len(list) == 0 {
		return
	}
	w.header(elem, 4*len(list))
	for _, t := range list {
		w.b = binary.LittleEndian.AppendUint16(w.b, t.Group())
		w.b = binary.LittleEndian.AppendUint16(w.b, t.Element())
	}
}
