package dicomweb

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

const (
	workitemPath   = "/workitems/:workitem"
	subscriberPath = workitemPath + "/subscribers/:aet"
)

var (
	workitemTypes  = []string{mediaJSON, mediaXML, `multipart/related; type="` + mediaXML + `"`}
	workitemTakes  = []string{mediaJSON, mediaXML}
	workitemOffers = append(append([]offer(nil), jsonOffers...), offer{mediaType: mediaXML, unnamed: true}, offer{multipart: true, mediaType: mediaXML, unnamed: true})
)

// workitemTransactions are those of the Worklist Service, UPS-RS (PS3.18 11). The state and cancelrequest resources are also served with
// the requester's AE title behind them, and the event channel below /ws, as PS3.18 had it until 2019 and clients still do.
func workitemTransactions(c *Config) (list []Transaction) {
	if c.Workitems == nil {
		return nil
	}
	add := func(id, name, section, method, path string, h func(*request) error, t Transaction) {
		t.ID, t.Name, t.Section, t.Service, t.Method, t.Path, t.operation, t.handler = id, name, section, "Worklist", method, path, "workitem", h
		list = append(list, t)
	}
	changes := Transaction{
		Takes: workitemTakes, Query: []string{"transaction-uid"},
		Statuses: []int{http.StatusOK, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}
	cancels := Transaction{Takes: workitemTakes, Statuses: []int{http.StatusAccepted, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusUnsupportedMediaType}}
	ends := Transaction{Statuses: []int{http.StatusOK, http.StatusNotFound, http.StatusGone}}
	opens := Transaction{Statuses: []int{http.StatusSwitchingProtocols, http.StatusUpgradeRequired}}

	add("CreateWorkitem", "Create", "11.4", http.MethodPost, "/workitems", createWorkitem, Transaction{
		Takes: workitemTakes, Query: []string{"workitem"},
		Statuses: []int{http.StatusCreated, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusInsufficientStorage},
	})
	add("RetrieveWorkitem", "Retrieve", "11.5", http.MethodGet, workitemPath, retrieveWorkitem, Transaction{
		Accept: workitemTypes, Query: contentQuery, Headers: cacheHeaders,
		Statuses: []int{http.StatusOK, http.StatusNotModified, http.StatusNotFound, http.StatusGone, http.StatusNotAcceptable},
	})
	add("UpdateWorkitem", "Update", "11.6", http.MethodPost, workitemPath, updateWorkitem, changes)
	add("ChangeWorkitemState", "Change State", "11.7", http.MethodPut, workitemPath+"/state", changeWorkitemState, changes)
	add("ChangeWorkitemStateBy", "Change State", "11.7", http.MethodPut, workitemPath+"/state/:requester", changeWorkitemState, changes)
	add("RequestWorkitemCancellation", "Request Cancellation", "11.8", http.MethodPost, workitemPath+"/cancelrequest", cancelWorkitem, cancels)
	add("RequestWorkitemCancellationBy", "Request Cancellation", "11.8", http.MethodPost, workitemPath+"/cancelrequest/:requester", cancelWorkitem, cancels)
	add("SearchForWorkitems", "Search", "11.9", http.MethodGet, "/workitems", searchWorkitems, Transaction{
		Accept: modelTypes, Query: searchQuery, Headers: []string{"Accept-Encoding"}, Statuses: []int{http.StatusOK, http.StatusNoContent, http.StatusNotAcceptable},
	})
	add("SubscribeWorkitem", "Subscribe", "11.10", http.MethodPost, subscriberPath, subscribeWorkitem, Transaction{
		Query: []string{"deletionlock", "filter", "{attribute}"}, Statuses: []int{http.StatusCreated, http.StatusNotFound, http.StatusGone, http.StatusInsufficientStorage},
	})
	add("UnsubscribeWorkitem", "Unsubscribe", "11.11", http.MethodDelete, subscriberPath, unsubscribeWorkitem, ends)
	add("SuspendGlobalSubscription", "Suspend Global Subscription", "11.12", http.MethodPost, subscriberPath+"/suspend", suspendSubscription, ends)
	add("OpenEventChannel", "Open Event Channel", "8.10.4", http.MethodGet, "/ws/subscribers/:aet", openChannel, opens)
	add("OpenEventChannelShort", "Open Event Channel", "8.10.4", http.MethodGet, "/subscribers/:aet", openChannel, opens)
	return list
}

// workitemUID gives the UID of the path.
func (q *request) workitemUID() (dicom.UID, error) {
	u := q.uid("workitem")
	if u == "" || !nameable(string(u)) {
		return "", fail(http.StatusBadRequest, "The path holds a malformed UID.")
	}
	return u, nil
}

// aeTitle gives an AE title of the path.
func (q *request) aeTitle(name string) (dicom.AETitle, error) {
	ae, err := dicom.ParseAETitle(q.param(name))
	if err != nil || ae == "" {
		return "", fail(http.StatusBadRequest, "The path holds no valid AE title.")
	}
	return ae, nil
}

// target finds the facility of a workitem that is to be changed or subscribed to: the caller's own, or, for one that sees
// all, whichever has it. What is only seen may not be changed.
func (q *request) target(uid dicom.UID) (halong.Facility, error) {
	it, err := q.Workitems.Retrieve(q.ctx, q.scope, uid)
	if err != nil {
		return "", workitemProblem(q, "", err)
	}
	if it.Facility != q.own && !(q.seesAll && q.facility == "") {
		return "", fail(http.StatusForbidden, "The workitem is another facility's.")
	}
	return it.Facility, nil
}

// mayChange: a caller creates and subscribes in its own facility.
func (q *request) mayChange() error {
	if q.facility != "" && q.facility != q.own {
		return fail(http.StatusForbidden, "The caller may not change the worklist of this facility.")
	}
	return nil
}

// workitemURL gives the URL of a workitem.
func (q *request) workitemURL(uid dicom.UID) string { return q.base + "/workitems/" + string(uid) }

// channelURL gives the WebSocket URL of a subscriber's event channel (PS3.18 11.10.3.2).
func (q *request) channelURL(f halong.Facility, ae dicom.AETitle) string {
	base := q.base
	if q.facility == "" && f != q.own {
		base += "/facilities/" + url.PathEscape(string(f))
	}
	if rest, ok := strings.CutPrefix(base, "http"); ok { // https becomes wss
		base = "ws" + rest
	}
	return base + "/ws/subscribers/" + url.PathEscape(string(ae))
}

// Bounds of a payload.
const maxWorkitemBody = 8 << 20

var workitemLimits = dataset.Limits{Depth: 16, Items: 20_000, Elements: 200_000, Value: 1 << 20}

// workitemPayload reads the one data set of a request. Without a Content-Type and without a body it is empty where that is allowed.
func (q *request) workitemPayload(mayLack bool) (*dataset.Set, error) {
	r := q.Request()
	contentType := r.Header.Get(echo.HeaderContentType)
	if mayLack && (r.ContentLength == 0 || contentType == "") {
		return &dataset.Set{}, nil
	}
	m, err := multipart.ParseMediaType(contentType)
	if err != nil || m.Type != mediaJSON && m.Type != mediaXML && m.Type != "application/json" {
		return nil, fail(http.StatusUnsupportedMediaType, "Content-Type must be application/dicom+json or application/dicom+xml.")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		q.Response().Header().Set("Accept-Encoding", "identity")
		return nil, fail(http.StatusUnsupportedMediaType, "A compressed body is not taken.")
	}
	b, err := io.ReadAll(http.MaxBytesReader(q.Response(), r.Body, maxWorkitemBody))
	if err != nil {
		return nil, err
	}
	var o dicomjson.Object
	if m.Type == mediaXML {
		o.Set, o.Bulk, err = dicomjson.DecodeXML(b, workitemLimits)
	} else {
		var list []dicomjson.Object
		if list, err = dicomjson.DecodeAll(b, workitemLimits); err == nil && len(list) != 1 {
			return nil, fail(http.StatusBadRequest, "The payload must be one data set.")
		}
		if len(list) == 1 {
			o = list[0]
		}
	}
	if err != nil {
		return nil, &problem{http.StatusBadRequest, "The payload cannot be understood: " + err.Error(), err}
	}
	if len(o.Bulk) > 0 {
		return nil, fail(http.StatusBadRequest, "A workitem has no bulk data.")
	}
	o.Set.DecodeUTF8()
	return o.Set, nil
}

// namedUID looks for a UID among query parameters: under one of the names, or, as the URI templates of PS3.18 11.4 and 11.6 can be
// read, alone in the place of one.
func (q *request) namedUID(names ...string) (dicom.UID, error) {
	var found dicom.UID
	for _, p := range q.query {
		v := p.value
		if v == "" && bareUID(p.name) {
			v = p.name
		} else if !containsFold(names, p.name) {
			continue
		}
		if v == "" || !nameable(v) {
			return "", fail(http.StatusBadRequest, "A query parameter holds a malformed UID.")
		}
		if found != "" && found != dicom.UID(v) {
			return "", fail(http.StatusBadRequest, "Different UIDs are given.")
		}
		found = dicom.UID(v)
	}
	return found, nil
}

func bareUID(s string) bool { return strings.Trim(s, "0123456789.") == "" && strings.Contains(s, ".") }

func containsFold(list []string, s string) bool {
	for _, one := range list {
		if strings.EqualFold(one, s) {
			return true
		}
	}
	return false
}

// joinUID joins what a query parameter and an attribute of the payload say.
func joinUID(named dicom.UID, s *dataset.Set, t dicom.Tag) (dicom.UID, error) {
	in := s.UID(t)
	if in != "" && named != "" && in != named {
		return "", fail(http.StatusBadRequest, "The payload names another UID than the request.")
	}
	if in != "" && !nameable(string(in)) {
		return "", fail(http.StatusBadRequest, "The payload holds a malformed UID.")
	}
	if named == "" {
		named = in
	}
	return named, nil
}

// transactionUID finds the Transaction UID of a request, in the query or in the payload.
func (q *request) transactionUID(s *dataset.Set) (dicom.UID, error) {
	named, err := q.namedUID("transaction", "transaction-uid", "transaction_uid", "transactionuid")
	if err != nil {
		return "", err
	}
	return joinUID(named, s, tag.TransactionUID)
}
