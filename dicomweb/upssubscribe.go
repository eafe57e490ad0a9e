package dicomweb

import (
	"net/http"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/worklist/ups"
)

// subscription reads what a request about a subscription names.
func (q *request) subscription() (f halong.Facility, uid dicom.UID, ae dicom.AETitle, err error) {
	if uid, err = q.workitemUID(); err != nil {
		return "", "", "", err
	}
	if ae, err = q.aeTitle("aet"); err != nil {
		return "", "", "", err
	}
	if uid != ups.Worklist && uid != ups.FilteredWorklist {
		f, err = q.target(uid)
		return f, uid, ae, err
	}
	return q.own, uid, ae, q.mayChange()
}

// subscribeWorkitem answers Subscribe (PS3.18 11.10), to a workitem, the Worklist or the Filtered Worklist.
func subscribeWorkitem(q *request) error {
	f, uid, ae, err := q.subscription()
	if err != nil {
		return err
	}
	lock, keys, err := q.subscribeQuery(uid)
	if err != nil {
		return err
	}
	if err := q.Workitems.Subscribe(q.ctx, f, uid, ae, lock, keys); err != nil {
		return workitemProblem(q, "", err)
	}
	h := q.Response().Header()
	h.Set("Content-Location", q.channelURL(f, ae))
	h.Set("Location", q.channelURL(f, ae))
	return q.NoContent(http.StatusCreated)
}

// subscribeQuery reads the deletion lock and, for the Filtered Worklist, the filter: as the parameter of that name, or, as PS3.18 had
// it until 2019, as parameters of their own.
func (q *request) subscribeQuery(uid dicom.UID) (lock bool, keys []query.Key, err error) {
	var warnings []string
	for _, p := range q.query {
		pairs := []param{p}
		switch strings.ToLower(p.name) {
		case "accept":
			continue
		case "deletionlock":
			if !strings.EqualFold(p.value, "true") && !strings.EqualFold(p.value, "false") {
				return false, nil, fail(http.StatusBadRequest, "The parameter deletionlock must be true or false.")
			}
			lock = strings.EqualFold(p.value, "true")
			continue
		case "filter":
			pairs = filterPairs(p.value)
		}
		if uid != ups.FilteredWorklist {
			warnings = append(warnings, "A query parameter has no meaning here and was ignored.")
			continue
		}
		for _, one := range pairs {
			k, ok, err := (&searchRequest{}).workitemKey(one, &warnings)
			if err == nil && ok {
				err = addKey(&keys, k)
			}
			if err != nil {
				return false, nil, err
			}
		}
	}
	if uid == ups.FilteredWorklist && len(keys) == 0 {
		return false, nil, fail(http.StatusBadRequest, "A Filtered Worklist needs a filter with a matching key.")
	}
	for _, w := range warnings {
		q.warn(w)
	}
	return lock, keys, nil
}

// filterPairs splits a list of attribute=value at its commas. A comma that no attribute follows belongs to the value.
func filterPairs(v string) (pairs []param) {
	for part := range strings.SplitSeq(v, ",") {
		name, value, ok := strings.Cut(part, "=")
		if _, _, known := parseAttribute(strings.TrimSpace(name)); ok && known || len(pairs) == 0 {
			pairs = append(pairs, param{strings.TrimSpace(name), value})
			continue
		}
		pairs[len(pairs)-1].value += "," + part
	}
	return pairs
}

// unsubscribeWorkitem answers Unsubscribe (11.11).
func unsubscribeWorkitem(q *request) error {
	f, uid, ae, err := q.subscription()
	if err != nil {
		return err
	}
	if err := q.Workitems.Unsubscribe(q.ctx, f, uid, ae); err != nil {
		return workitemProblem(q, "", err)
	}
	return q.NoContent(http.StatusOK)
}

// suspendSubscription answers Suspend Global Subscription (11.12).
func suspendSubscription(q *request) error {
	f, uid, ae, err := q.subscription()
	if err != nil {
		return err
	}
	if uid != ups.Worklist && uid != ups.FilteredWorklist {
		return fail(http.StatusBadRequest, "Only subscriptions to the Worklist and the Filtered Worklist can be suspended.")
	}
	if err := q.Workitems.Suspend(q.ctx, f, uid, ae); err != nil {
		return workitemProblem(q, "", err)
	}
	return q.NoContent(http.StatusOK)
}
