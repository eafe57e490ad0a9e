package dicomweb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

// Deletions takes objects out of sight and tells what is. *storage.Archive has these methods; see there for what they do.
type Deletions interface {
	Delete(ctx context.Context, x storage.Deletion) ([]storage.Removal, error)
	Purge(ctx context.Context, scope halong.Scope, removal uint64, by halong.Source) (*storage.Removal, error)
	WasDeleted(ctx context.Context, scope halong.Scope, ref storage.Ref) (bool, error)
}

// Request header fields that tell why something is deleted. Text is percent-encoded UTF-8 where it is not ASCII.
const (
	headerReason     = "Halong-Reason"
	headerReasonCode = "Halong-Reason-Code"
)

// Bounds of what says why.
const (
	maxDeleteBody = 64 << 10 // bytes
	maxReason     = 1024     // characters
)

// deleteTransactions are Halong's own: PS3.18 has none for studies, though clients and clouds expect DELETE there.
func deleteTransactions(cfg *Config) (list []Transaction) {
	if cfg.Deletions == nil {
		return nil
	}
	for _, x := range []struct{ what, path string }{{"Study", studyPath}, {"Series", seriesPath}, {"Instance", instancePath}} {
		list = append(list, Transaction{
			ID: "Delete" + x.what, Name: "Delete", Method: http.MethodDelete, Path: x.path,
			Accept: []string{"application/json"}, Takes: []string{"application/json"},
			Query: []string{"code", "reason", "purge"}, Headers: []string{headerReasonCode, headerReason},
			Statuses: []int{
				http.StatusOK, http.StatusNotFound, http.StatusNotAcceptable, http.StatusConflict, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			},
			operation: "delete", handler: remove,
		})
	}
	return list
}

// why is what a request says of its reasons, as its body has it.
type why struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
	Purge  bool   `json:"purge"` // at once
}

// deleted is the answer.
type deleted struct {
	Deleted []storage.Removal `json:"deleted"` // one for each facility
}

// remove answers DELETE of a study, series or instance.
func remove(q *request) error {
	if _, err := q.acceptsOne([]offer{{mediaType: "application/json", unnamed: true}, {mediaType: mediaJSON, unnamed: true, sent: "application/json"}}); err != nil {
		return err
	}
	w, err := q.why()
	if err != nil {
		return err
	}
	if may, purge := q.Rights(q.Context); !may || w.Purge && !purge {
		return fail(http.StatusForbidden, "The caller may not delete.")
	}
	scope, err := q.mayDelete()
	if err != nil {
		return err
	}
	by := halong.Source{Protocol: "DICOMweb", Peer: q.Peer(q.Context), Address: q.RealIP()}
	made, err := q.Deletions.Delete(q.ctx, storage.Deletion{Scope: scope, Ref: q.ref(), Code: w.Code, Reason: w.Reason, By: by})
	if halong.KindOf(err) == halong.NotExist {
		return q.nothingToDelete(scope)
	}
	if err != nil {
		return err
	}
	for i := range made {
		if !w.Purge {
			break
		}
		r, err := q.Deletions.Purge(q.ctx, scope, made[i].ID, by)
		if err != nil {
			return err
		}
		made[i] = *r
	}
	q.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return q.JSON(http.StatusOK, deleted{made})
}

// mayDelete: a caller deletes in its own facility. One that sees all may name another in the path, and deletes in all without.
func (q *request) mayDelete() (halong.Scope, error) {
	switch {
	case q.seesAll:
		return q.scope, nil
	case q.facility == "" || q.facility == q.own:
		return halong.Scope{Own: q.own}, nil
	}
	return halong.Scope{}, fail(http.StatusForbidden, "The caller may not delete in this facility.")
}

// nothingToDelete tells whether that is so because it was deleted before, or is another facility's.
func (q *request) nothingToDelete(scope halong.Scope) error {
	gone, err := q.Deletions.WasDeleted(q.ctx, scope, q.ref())
	if err != nil {
		return err
	}
	if gone {
		return fail(http.StatusGone, "The resource was deleted.")
	}
	for in, err := range q.Archive.Instances(q.ctx, q.scope, q.ref()) {
		if err != nil {
			return err
		}
		if scope.Sees(in.Facility) {
			return fail(http.StatusConflict, "The resource came while it was being deleted; try again.")
		}
		return fail(http.StatusForbidden, "The caller may not delete in this facility.")
	}
	return fail(http.StatusNotFound, "There is no such resource.")
}

// why reads the reasons: from the body, else the header fields, else the query. The body is best: URLs are logged on their way.
func (q *request) why() (w why, err error) {
	for _, p := range q.query {
		switch strings.ToLower(p.name) {
		case "code":
			w.Code = p.value
		case "reason":
			w.Reason = p.value
		case "purge":
			if w.Purge = p.value == "true"; !w.Purge && p.value != "false" {
				return w, fail(http.StatusBadRequest, "The parameter purge is true or false.")
			}
		}
	}
	h := q.Request().Header
	if v := h.Get(headerReasonCode); v != "" {
		w.Code = v
	}
	if v := h.Get(headerReason); v != "" {
		if w.Reason, err = url.PathUnescape(v); err != nil {
			w.Reason = v
		}
	}
	if err := q.whyBody(&w); err != nil {
		return w, err
	}
	if _, known := storage.ReasonMeaning(w.Code); !known && w.Code != "" {
		return w, fail(http.StatusBadRequest, "The code is none of those of PS3.16 CID 7010 and 7011 that a deletion can bear.")
	}
	if !utf8.ValidString(w.Reason) || utf8.RuneCountInString(w.Reason) > maxReason || strings.ContainsFunc(w.Reason, unicode.IsControl) {
		return w, fail(http.StatusBadRequest, "The reason must be one line of text in UTF-8, at most 1,024 characters.")
	}
	if q.NeedsReason && w.Code == "" && w.Reason == "" {
		return w, fail(http.StatusBadRequest, "A code or a reason must be given.")
	}
	return w, nil
}

func (q *request) whyBody(w *why) error {
	r := q.Request()
	b, err := io.ReadAll(http.MaxBytesReader(q.Response(), r.Body, maxDeleteBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	if err != nil {
		return fail(http.StatusBadRequest, "The body cannot be read.")
	}
	if len(b) == 0 {
		return nil
	}
	if m, err := multipart.ParseMediaType(r.Header.Get(echo.HeaderContentType)); err != nil || m.Type != "application/json" {
		return fail(http.StatusUnsupportedMediaType, "Content-Type must be application/json.")
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(w); err != nil {
		return fail(http.StatusBadRequest, "The body is no JSON object of code, reason and purge.")
	}
	if _, err := d.Token(); err != io.EOF {
		return fail(http.StatusBadRequest, "Something stands behind the JSON object.")
	}
	return nil
}
