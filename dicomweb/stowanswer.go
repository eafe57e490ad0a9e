package dicomweb

import (
	"errors"
	"net/http"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// storeAnswer is the Store Instances Response Module (PS3.18 I.2).
type storeAnswer struct {
	base       string
	referenced []*dataset.Set // stored, also when they were stored before
	failures   []*dataset.Set // a SOP Instance that was not stored
	other      []*dataset.Set // a part that is no SOP Instance, or none that can be named
	study      dicom.UID      // that all stored ones belong to
	studies    int
	stored     int
	failed     int
	warned     int                 // stored, with something wrong
	kinds      map[halong.Kind]int // of failures
	tooLarge   int
	firstErr   error
}

func (a *storeAnswer) add(it *item) {
	if it.err != nil {
		a.fail(it.receipt, it.err)
		return
	}
	a.stored++
	r := &it.receipt
	if r.Study != a.study {
		a.study = r.Study
		a.studies++
	}
	s := sopReference(r)
	s.PutString(tag.RetrieveURL, dicom.UR, resourceURL(a.base, storage.Identity{Study: r.Study, Series: r.Series, SOP: r.SOP}))
	switch {
	case r.Warning != "":
		a.warned++
		s.PutInt(tag.WarningReason, dicom.US, doesNotMatchClass)
	case r.Coerced:
		a.warned++
		s.PutInt(tag.WarningReason, dicom.US, coercionOfElements)
	}
	a.referenced = append(a.referenced, s)
}

func (a *storeAnswer) fail(r storage.Receipt, err error) {
	a.failed++
	a.kinds[halong.KindOf(err)]++
	if isTooLarge(err) {
		a.tooLarge++
	}
	if a.firstErr == nil {
		a.firstErr = err
	}
	s := &dataset.Set{}
	if r.SOP != "" {
		s = sopReference(&r)
		a.failures = append(a.failures, s)
	} else {
		a.other = append(a.other, s)
	}
	s.PutInt(tag.FailureReason, dicom.US, int64(reasonOf(err)))
}

// isTooLarge tells a limit of this server from a full disk.
func isTooLarge(err error) bool {
	var body *http.MaxBytesError
	return errors.As(err, &body) || errors.Is(err, multipart.ErrPartSize) || errors.Is(err, multipart.ErrParts) || errors.Is(err, dataset.ErrLimit)
}

// sopReference names a SOP Instance (PS3.3 table 10-11).
func sopReference(r *storage.Receipt) *dataset.Set {
	s := &dataset.Set{}
	if r.SOPClass != "" {
		s.PutString(tag.ReferencedSOPClassUID, dicom.UI, string(r.SOPClass))
	}
	s.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, string(r.SOP))
	return s
}

// doesNotMatchClass is the warning reason "Data Set does not match SOP Class"
// (PS3.18 table I.2-2): what was stored of an object that was cut off lacks elements.
const doesNotMatchClass = 0xB007

// coercionOfElements is the warning reason "Coercion of Data Elements": the site's rules changed attributes.
const coercionOfElements = 0xB000

// status gives 200 when all parts were stored, 202 when some were or there were warnings, else 409, or,
// when all failed for the same reason of the server's or the caller's, that status.
func (a *storeAnswer) status() int {
	switch {
	case a.failed == 0 && a.warned == 0:
		return http.StatusOK
	case a.stored > 0:
		return http.StatusAccepted
	case a.tooLarge == a.failed:
		return http.StatusRequestEntityTooLarge
	}
	for _, k := range []halong.Kind{halong.Transient, halong.Exhausted, halong.Permission, halong.Internal, halong.Corrupt} {
		if a.kinds[k] == a.failed {
			return answers[k].status
		}
	}
	return http.StatusConflict
}

// encode gives the answer in the DICOM JSON Model.
func (a *storeAnswer) encode() []byte {
	s := &dataset.Set{}
	if a.studies == 1 {
		s.PutString(tag.RetrieveURL, dicom.UR, resourceURL(a.base, storage.Identity{Study: a.study}))
	}
	for _, l := range []struct {
		tag   dicom.Tag
		items []*dataset.Set
	}{{tag.FailedSOPSequence, a.failures}, {tag.ReferencedSOPSequence, a.referenced}, {tag.OtherFailuresSequence, a.other}} {
		if len(l.items) > 0 {
			s.Put(dataset.Element{Tag: l.tag, VR: dicom.SQ, Items: l.items})
		}
	}
	return dicomjson.AppendSet(nil, s, dicomjson.Options{})
}
