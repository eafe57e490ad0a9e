package dicomweb

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/worklist/ups"
)

// createWorkitem answers Create Workitem (PS3.18 11.4). The UID comes in the query or in the payload; without one there will be one.
func createWorkitem(q *request) error {
	if err := q.mayChange(); err != nil {
		return err
	}
	uid, err := q.namedUID("workitem", "AffectedSOPInstanceUID")
	if err != nil {
		return err
	}
	attrs, err := q.workitemPayload(false)
	if err != nil {
		return err
	}
	if uid, err = joinUID(uid, attrs, tag.SOPInstanceUID); err != nil {
		return err
	}
	if uid == ups.Worklist || uid == ups.FilteredWorklist {
		return fail(http.StatusBadRequest, "The UID is that of the Worklist.")
	}
	uid, status, err := q.Workitems.Create(q.ctx, q.own, uid, attrs)
	if err != nil {
		return workitemProblem(q, "", err)
	}
	q.warnStatus(status)
	h := q.Response().Header()
	h.Set("Location", q.workitemURL(uid))
	h.Set("Content-Location", q.workitemURL(uid))
	return q.NoContent(http.StatusCreated)
}

// retrieveWorkitem answers Retrieve Workitem (11.5). The Transaction UID is never shown.
func retrieveWorkitem(q *request) error {
	o, err := q.acceptsOne(workitemOffers)
	if err != nil {
		return err
	}
	uid, err := q.workitemUID()
	if err != nil {
		return err
	}
	it, err := q.Workitems.Retrieve(q.ctx, q.scope, uid)
	if err != nil {
		return workitemProblem(q, "", err)
	}
	t := newTag("workitem").add(string(it.Facility), string(it.UID), strconv.FormatUint(it.Revision, 10), it.Changed.String(), o.contentType(), strconv.FormatBool(o.multipart))
	if done, err := q.fresh(t); done {
		return err
	}
	model := dicomjson.AppendSet(nil, it.Attributes, dicomjson.Options{})
	h := q.Response().Header()
	h.Set("Content-Location", q.workitemURL(uid))
	if o.mediaType != mediaXML {
		h.Set("Content-Type", o.contentType())
		return q.whole(append(append([]byte{'['}, model...), ']'))
	}
	body, err := dicomjson.AppendXML(nil, model)
	if err != nil {
		return err
	}
	if !o.multipart {
		h.Set("Content-Type", mediaXML)
		return q.whole(body)
	}
	h.Set("Content-Type", multipart.ContentType(mediaXML, t.boundary()))
	if !q.start(http.StatusOK) {
		return nil
	}
	w := multipart.NewWriter(q.Response(), t.boundary())
	if err := w.Part(multipart.Field{Name: "Content-Type", Value: mediaXML}); err != nil {
		return err
	}
	if _, err := w.W.Write(body); err != nil {
		return err
	}
	return w.Close()
}

// whole answers 200 with a body of known length.
func (q *request) whole(body []byte) error {
	q.Response().Header().Set("Content-Length", strconv.Itoa(len(body)))
	if !q.start(http.StatusOK) {
		return nil
	}
	_, err := q.Response().Write(body)
	return err
}

// workitemChange is what the requests to update a workitem and to change its state have in common.
type workitemChange struct {
	facility         halong.Facility
	uid, transaction dicom.UID
	payload          *dataset.Set
}

func (q *request) workitemChange() (c workitemChange, err error) {
	if c.uid, err = q.workitemUID(); err != nil {
		return c, err
	}
	if c.facility, err = q.target(c.uid); err != nil {
		return c, err
	}
	if c.payload, err = q.workitemPayload(false); err != nil {
		return c, err
	}
	c.transaction, err = q.transactionUID(c.payload)
	return c, err
}

// updateWorkitem answers Update Workitem (11.6).
func updateWorkitem(q *request) error {
	c, err := q.workitemChange()
	if err != nil {
		return err
	}
	if err := q.Workitems.Set(q.ctx, c.facility, c.uid, c.transaction, c.payload); err != nil {
		return workitemProblem(q, string(c.transaction), err)
	}
	return q.NoContent(http.StatusOK)
}

// changeWorkitemState answers Change Workitem State (11.7).
func changeWorkitemState(q *request) error {
	c, err := q.workitemChange()
	if err != nil {
		return err
	}
	to, ok := ups.ParseState(c.payload.String(tag.ProcedureStepState))
	if !ok {
		return fail(http.StatusBadRequest, "The payload holds no Procedure Step State (0074,1000) that is defined.")
	}
	status, err := q.Workitems.ChangeState(q.ctx, c.facility, c.uid, to, c.transaction)
	if err != nil {
		return workitemProblem(q, string(c.transaction), err)
	}
	q.warnStatus(status)
	return q.NoContent(http.StatusOK)
}

// cancelWorkitem answers Request Cancellation (11.8).
func cancelWorkitem(q *request) error {
	uid, err := q.workitemUID()
	if err != nil {
		return err
	}
	f, err := q.target(uid)
	if err != nil {
		return err
	}
	info, err := q.workitemPayload(true)
	if err != nil {
		return err
	}
	requester, err := q.requester()
	if err != nil {
		return err
	}
	status, err := q.Workitems.RequestCancel(q.ctx, f, uid, requester, info)
	if err != nil {
		return workitemProblem(q, "", err)
	}
	q.warnStatus(status)
	return q.NoContent(http.StatusAccepted)
}

// requester gives the AE title of who asks: that of the path, else the name of the caller as far as it can be one.
func (q *request) requester() (dicom.AETitle, error) {
	if q.Param("requester") != "" {
		return q.aeTitle("requester")
	}
	name := strings.ToUpper(q.Peer(q.Context))
	if len(name) > 16 {
		name = name[:16]
	}
	if ae, err := dicom.ParseAETitle(name); err == nil && ae != "" {
		return ae, nil
	}
	return "UNKNOWN", nil
}
