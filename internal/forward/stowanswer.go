package forward

import (
	"fmt"
	"slices"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/client"
)

// refusal is an HTTP status that concerns the destination as a whole.
type refusal struct {
	status int
	after  time.Duration // Retry-After; 0 if it was not said
}

// Error names the status.
func (r *refusal) Error() string { return fmt.Sprintf("HTTP status %d", r.status) }

// readStoreAnswer reads the Store Instances Response Module (PS3.18 I.2), as far as it can be read.
func (r *request) readStoreAnswer(a *client.Answer) map[dicom.UID]outcome {
	if !isJSON(a.ContentType) {
		return nil
	}
	objects, err := dicomjson.DecodeAll(a.Body, dataset.Limits{})
	if err != nil {
		return nil // as if it said nothing
	}
	said := map[dicom.UID]outcome{}
	for _, o := range objects {
		for _, item := range items(o.Set, tag.ReferencedSOPSequence) {
			x := outcome{state: Done}
			if w, ok := item.Int(tag.WarningReason); ok {
				x.reason = fmt.Sprintf("taken with warning %04X", w)
			}
			said[item.UID(tag.ReferencedSOPInstanceUID)] = x
		}
		for _, item := range items(o.Set, tag.FailedSOPSequence) {
			sop := item.UID(tag.ReferencedSOPInstanceUID)
			if i := slices.IndexFunc(r.parts, func(p part) bool { return p.sop == sop }); i >= 0 {
				said[sop] = failureOutcome(item, &r.entries[r.parts[i].i])
			}
		}
	}
	return said
}

func items(s *dataset.Set, t dicom.Tag) []*dataset.Set {
	if e := s.Get(t); e != nil {
		return e.Items
	}
	return nil
}

// failureOutcome says what a Failure Reason means (PS3.18 table I.2-2); they are those of C-STORE, and C122 of its own.
func failureOutcome(item *dataset.Set, e *Entry) outcome {
	reason, ok := item.Int(tag.FailureReason)
	if !ok {
		return again("refused without a reason")
	}
	return storeOutcome(dimse.Status(reason), e)
}
