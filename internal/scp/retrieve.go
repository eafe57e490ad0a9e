package scp

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// maxItems is how many instances one C-MOVE or C-GET may ask for; about 100 bytes each are kept.
const maxItems = 2_000_000

// retrieval is one C-MOVE or C-GET being answered.
type retrieval struct {
	archive Archive
	log     *slog.Logger
	rq      *dimse.Request
	scope   halong.Scope
	syntax  *dicom.TransferSyntax // of identifiers
	items   []item

	done, completed, failed, warning int
	failures                         []dicom.UID // Failed SOP Instance UID List
	told                             time.Time   // when the last pending response was sent
}

// tellEvery is how often, at most, the requestor is told how far a retrieval has come; the standard leaves that free (PS3.4
// C.4.2.3.1). Thousands of responses a second help nobody.
const tellEvery = 50 * time.Millisecond

// item is an instance to be sent.
type item struct {
	study, series, sop dicom.UID
	facility           halong.Facility
	pair               negotiate.Pair
}

func newRetrieval(archive Archive, log *slog.Logger, rq *dimse.Request) (*retrieval, error) {
	peer, ok := rq.Association.Session.(*session)
	if !ok {
		return nil, errors.New("no session")
	}
	return &retrieval{archive: archive, log: log, rq: rq, scope: peer.scope}, nil
}

// plan finds the instances that the identifier names (PS3.4 C.4.2.2.1, C.4.3.2.1).
func (r *retrieval) plan(ctx context.Context, x *identifier) error {
	r.syntax = x.syntax
	q := storage.Query{Level: x.level.stored()}
	for l := x.model.first; l <= x.level; l++ {
		k, err := x.retrieveKey(l)
		if err != nil {
			return err
		}
		if len(k.Values) > 0 {
			q.Keys = append(q.Keys, k)
		}
	}
	known := map[dicom.UID]dicom.UID{} // so that equal UIDs share memory
	for row, err := range r.archive.Find(ctx, r.scope, q) {
		if err == nil {
			err = r.add(ctx, storage.Ref{Study: row.Study, Series: row.Series, SOP: row.SOP}, known)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// retrieveKey gives the unique key of a level: with a single value above the level that is asked for, with one or,
// of UIDs, several at that level.
func (x *identifier) retrieveKey(l queryLevel) (query.Key, error) {
	t := uniqueKeys[l]
	k := query.Key{Path: []dicom.Tag{t}, VR: dicom.VROf(t), Values: x.set.Strings(t)}
	for _, v := range k.Values {
		if v == "" || strings.ContainsAny(v, "*?") {
			return k, mismatch(t, "retrieval needs unique keys without wildcards")
		}
	}
	switch {
	case l < x.level && len(k.Values) == 0 && x.relational:
		return k, nil
	case len(k.Values) == 0:
		return k, mismatch(t, "unique key is missing")
	case len(k.Values) > 1 && (l < x.level || l == patientLevel):
		return k, mismatch(t, "unique key must have a single value")
	}
	return k, nil
}

func (r *retrieval) add(ctx context.Context, ref storage.Ref, known map[dicom.UID]dicom.UID) error {
	share := func(u dicom.UID) dicom.UID {
		if v, ok := known[u]; ok {
			return v
		}
		u = dicom.UID(strings.Clone(string(u)))
		known[u] = u
		return u
	}
	for in, err := range r.archive.Instances(ctx, r.scope, ref) {
		if err != nil {
			return err
		}
		if len(r.items) == maxItems {
			return &refused{dimse.UnableToCalculateMatches, "too many instances for one request", 0}
		}
		r.items = append(r.items, item{
			share(in.Study), share(in.Series), in.SOP, in.Facility,
			negotiate.Pair{SOPClass: share(in.Manifest.SOPClass), TransferSyntax: share(in.Manifest.TransferSyntax)},
		})
	}
	return nil
}

// outcome is what became of a sub-operation.
type outcome uint8

const (
	subFailed outcome = iota
	subCompleted
	subWarning
)

// count takes the outcome of a sub-operation into account and tells the requestor.
func (r *retrieval) count(it *item, o outcome) error {
	r.done++
	switch o {
	case subCompleted:
		r.completed++
	case subWarning:
		r.warning++
	default:
		r.failed++
		r.failures = append(r.failures, it.sop)
	}
	now := time.Now()
	if r.done == len(r.items) || now.Sub(r.told) < tellEvery {
		return nil // the next response tells, or the final one
	}
	r.told = now
	resp := dimse.Answer(dimse.Pending)
	r.counts(&resp, true)
	return r.rq.Pending(resp)
}

// counts fills in the Numbers of Sub-operations, which have 16 bits. How many remain is said in pending and
// cancelled responses alone (PS3.7 9.1.3.1.6, 9.1.4.1.7).
func (r *retrieval) counts(resp *dimse.Response, remaining bool) {
	number := func(n int) *uint16 {
		v := uint16(min(n, 0xFFFF))
		return &v
	}
	resp.Completed, resp.Failed, resp.Warning = number(r.completed), number(r.failed), number(r.warning)
	if remaining {
		resp.Remaining = number(len(r.items) - r.done)
	}
}

// conclude makes the final response.
func (r *retrieval) conclude(ctx context.Context) dimse.Response {
	status := dimse.Success
	switch {
	case ctx.Err() != nil && r.done < len(r.items):
		status = dimse.Cancelled
	case r.failed > 0 && r.completed+r.warning == 0:
		status = dimse.UnableToPerformSubOperations
	case r.failed+r.warning > 0:
		status = dimse.SubOperationsIncomplete
	}
	resp := dimse.Answer(status)
	r.counts(&resp, status == dimse.Cancelled)
	if status != dimse.Success {
		resp.Data = r.failedList()
	}
	return resp
}

const (
	maxShortList = 0xFFFE  // the longest value of VR UI in Explicit VR in bytes: its length has 16 bits (PS3.5 7.1.2)
	maxLongList  = 4 << 20 // in Implicit VR what a peer can be expected to take into memory: about 100,000 UIDs
)

// failedList encodes the Failed SOP Instance UID List (0008,0058), as far as it fits. The Number of Failed Sub-operations
// counts all.
func (r *retrieval) failedList() []byte {
	most := maxShortList
	if r.syntax.UID == dicom.ImplicitVRLittleEndian {
		most = maxLongList
	}
	var list []string
	size := 0
	for _, u := range r.failures {
		if size += len(u) + 1; size > most {
			break
		}
		list = append(list, string(u))
	}
	s := &dataset.Set{}
	s.PutString(tag.FailedSOPInstanceUIDList, dicom.UI, list...)
	return s.Append(nil, r.syntax)
}

// refuse makes the response of a retrieval that came to no sub-operation.
func (r *retrieval) refuse(err error) dimse.Response {
	resp := failure(err)
	if resp.Status == dimse.OutOfResources {
		resp.Status = dimse.UnableToCalculateMatches
	}
	return resp
}
