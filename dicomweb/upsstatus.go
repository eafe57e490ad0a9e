package dicomweb

import (
	"errors"
	"net/http"

	"github.com/halong-gateway/halong/worklist/ups"
)

// What Warning says, in the words of PS3.18 11.4.3.2 to 11.8.3.2.
const (
	warnCreatedModified = "The Workitem was created with modifications."
	warnNotClaimed      = "The target URI did not reference a claimed Workitem."
	warnInconsistent    = "The submitted request is inconsistent with the current state of the Workitem."
	warnNoTransaction   = "The Transaction UID is missing."
	warnTransaction     = "The Transaction UID is incorrect."
	warnCanceled        = "The UPS is already in the requested state of CANCELED."
	warnCompleted       = "The UPS is already in the requested state of COMPLETED."
	warnIsCompleted     = "The UPS is already COMPLETED."
	warnNoPerformer     = "The performer cannot be contacted."
)

// workitemAnswers is the one map from statuses of PS3.4 CC.2 to HTTP (PS3.18 11.4.3 to 11.12.3); what is not in it follows the kind of
// the error.
var workitemAnswers = map[ups.Status]struct {
	status  int
	warning string
}{
	ups.InvalidValue:      {http.StatusBadRequest, ""},
	ups.MissingAttribute:  {http.StatusBadRequest, ""},
	ups.MissingValue:      {http.StatusBadRequest, ""},
	ups.NotScheduled:      {http.StatusBadRequest, ""},
	ups.DuplicateInstance: {http.StatusConflict, ""},
	ups.OnlyByCreate:      {http.StatusBadRequest, warnInconsistent},
	ups.WrongTransaction:  {http.StatusBadRequest, warnTransaction},
	ups.NoLongerUpdated:   {http.StatusConflict, warnInconsistent},
	ups.AlreadyInProgress: {http.StatusConflict, warnInconsistent},
	ups.NotFinal:          {http.StatusConflict, warnInconsistent},
	ups.NotInProgress:     {http.StatusConflict, warnNotClaimed},
	ups.IsCompleted:       {http.StatusConflict, warnIsCompleted},
	ups.NoPerformer:       {http.StatusConflict, warnNoPerformer},
	ups.NoSuchWorkitem:    {http.StatusNotFound, ""},
}

// workitemProblem finds the answer to an error of the worklist, and sets its Warning. The transaction is what the request gave.
func workitemProblem(q *request, transaction string, err error) error {
	var r *ups.Refusal
	if !errors.As(err, &r) {
		return err
	}
	a, ok := workitemAnswers[r.Status]
	if !ok {
		return err
	}
	switch {
	case r.Status == ups.WrongTransaction && transaction == "":
		a.warning = warnNoTransaction
	case r.Status == ups.NoLongerUpdated && q.Request().Method == http.MethodPost: // of an update (PS3.18 table 11.6.3-1)
		a.status = http.StatusBadRequest
	case r.Status == ups.NoSuchWorkitem && r.Gone:
		a.status = http.StatusGone
	}
	if a.warning != "" {
		q.warn(a.warning)
	}
	return &problem{a.status, r.Error(), err}
}

// warn adds a Warning (RFC 7234 5.5).
func (q *request) warn(text string) { q.Response().Header().Add("Warning", `299 halong "`+text+`"`) }

// warnStatus adds the Warning of a status that is one.
func (q *request) warnStatus(s ups.Status) {
	switch s {
	case ups.CoercedValues:
		q.warn(warnCreatedModified)
	case ups.AlreadyCanceled:
		q.warn(warnCanceled)
	case ups.AlreadyCompleted:
		q.warn(warnCompleted)
	}
}
