package commitment

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Append adds the request's Data Set, encoded in the Transfer Syntax, to dst.
func (r *Request) Append(dst []byte, ts *dicom.TransferSyntax) []byte {
	s := &dataset.Set{}
	s.PutString(tag.TransactionUID, dicom.UI, string(r.Transaction))
	s.Put(dataset.Element{Tag: tag.ReferencedSOPSequence, VR: dicom.SQ, Items: items(r.References)})
	return s.Append(dst, ts)
}

// Append adds the report's Data Set, encoded in the Transfer Syntax, to dst. Sequences without items are left out.
func (r *Report) Append(dst []byte, ts *dicom.TransferSyntax) []byte {
	s := &dataset.Set{}
	if r.RetrieveAE != "" && len(r.Committed) > 0 {
		s.PutString(tag.RetrieveAETitle, dicom.AE, r.RetrieveAE)
	}
	s.PutString(tag.TransactionUID, dicom.UI, string(r.Transaction))
	if len(r.Committed) > 0 {
		s.Put(dataset.Element{Tag: tag.ReferencedSOPSequence, VR: dicom.SQ, Items: items(r.Committed)})
	}
	if len(r.Failed) > 0 {
		failed := dataset.Element{Tag: tag.FailedSOPSequence, VR: dicom.SQ}
		for _, f := range r.Failed {
			item := f.item()
			item.PutInt(tag.FailureReason, dicom.US, int64(f.Reason))
			failed.Items = append(failed.Items, item)
		}
		s.Put(failed)
	}
	return s.Append(dst, ts)
}

// event gives the Event Type ID.
func (r *Report) event() uint16 {
	if len(r.Failed) > 0 {
		return eventFailures
	}
	return eventComplete
}

func items(list []Reference) []*dataset.Set {
	all := make([]*dataset.Set, 0, len(list))
	for _, r := range list {
		all = append(all, r.item())
	}
	return all
}

func (r *Reference) item() *dataset.Set {
	item := &dataset.Set{}
	item.PutString(tag.ReferencedSOPClassUID, dicom.UI, string(r.SOPClass))
	item.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, string(r.SOPInstance))
	return item
}
