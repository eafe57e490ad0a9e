package intake

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// Documents opens documents of reports: from the blob store, and if it lacks one, from its message.
type Documents struct {
	Archive interface {
		Deposit(ctx context.Context, parts []*storage.DepositPart) (*storage.Deposit, error)
		OpenBlob(ctx context.Context, d halong.Digest) (storage.BlobReader, bool, error)
	}
	Updater   halong.Updater
	Keeper    DocumentKeeper
	Originals Originals
}

// DocumentKeeper notes that a document's blob was stored again.
type DocumentKeeper interface {
	KeepDocument(tx halong.Tx, d *lab.StoredDocument) (bool, error)
}

// errNoContent means that a message does not hold the document that it brought.
var errNoContent = errors.New("the message does not hold the document")

// Open opens a document.
func (s *Documents) Open(ctx context.Context, d *lab.StoredDocument) (storage.BlobReader, error) {
	if r, ok, err := s.Archive.OpenBlob(ctx, d.Digest); ok || err != nil {
		return r, err
	}
	if err := s.restore(ctx, d); err != nil {
		return nil, err
	}
	r, ok, err := s.Archive.OpenBlob(ctx, d.Digest)
	if !ok && err == nil {
		err = halong.E("intake.document", halong.Corrupt, d.Report.String(), errNoContent)
	}
	return r, err
}

// restore decodes a document from its message again and stores it.
func (s *Documents) restore(ctx context.Context, d *lab.StoredDocument) error {
	const op = "intake.document"
	_, h, err := s.Originals.Read(ctx, halong.Everything(), d.Version.Message())
	if err != nil {
		return err
	}
	content := nthContent(lab.Read(h), d.Ordinal)
	if content == nil {
		return halong.E(op, halong.Corrupt, d.Report.String(), errNoContent)
	}
	part := &storage.DepositPart{Open: func() io.Reader { return content.Reader() }, Size: content.Size()}
	deposit, err := s.Archive.Deposit(ctx, []*storage.DepositPart{part})
	if err != nil {
		return err
	}
	defer deposit.Close()
	if part.Err != nil || part.Info.Digest != d.Digest {
		return halong.E(op, halong.Corrupt, d.Report.String(), errNoContent)
	}
	return s.Updater.Update(ctx, func(tx halong.Tx) error {
		if err := deposit.Claim(tx); err != nil {
			return err
		}
		_, err := s.Keeper.KeepDocument(tx, d)
		return err
	})
}

// nthContent gives the n-th encapsulated data of a message, from 0.
func nthContent(groups []lab.Group, n int) *lab.Content {
	for i := range groups {
		for _, c := range groups[i].All() {
			if n == 0 {
				return c
			}
			n--
		}
	}
	return nil
}

// document answers GET /reports/{id}/documents/{n}. Ranges and conditions are net/http's (RFC 9110 13, 14).
func (a *api) document(c echo.Context, scope halong.Scope) error {
	ctx := c.Request().Context()
	id, err := reportID(c)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Param("n"))
	if err != nil || n < 1 {
		return wrongParameter("n", "documents are counted from 1")
	}
	d, err := a.Results.Document(ctx, scope, id, n)
	if err != nil {
		return err
	}
	r, err := a.Documents.Open(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, d.MediaType)
	h.Set("ETag", `"`+d.Digest.String()+`"`)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	if d.MediaType != "application/pdf" { // which browsers do not show in a sandbox, and which runs nothing of ours
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	}
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	h.Set(echo.HeaderContentDisposition, disposition(d))
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, io.NewSectionReader(r, 0, r.Size()))
	return nil
}

// shown are media types that browsers show without running anything.
var shown = []string{"application/pdf", "image/jpeg", "image/png", "image/gif", "image/tiff", "image/bmp", "text/plain"}

// disposition lets browsers show what is harmless and save everything else; the name says nothing of the patient.
func disposition(d *lab.StoredDocument) string {
	kind := "attachment"
	for _, t := range shown {
		if d.MediaType == t {
			kind = "inline"
		}
	}
	name := "report-" + strings.ReplaceAll(d.Report.String(), ".", "-") + "-" + strconv.Itoa(d.Number)
	if ext := extensions[d.MediaType]; ext != "" {
		name += ext
	} else if all, err := mime.ExtensionsByType(d.MediaType); err == nil && len(all) > 0 {
		name += all[0]
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": name})
}

// extensions are those that people know; the system's table may say others.
var extensions = map[string]string{
	"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/tiff": ".tif", "text/plain": ".txt", "text/html": ".html",
	"application/xml": ".xml", "application/rtf": ".rtf", "application/octet-stream": ".bin", "application/dicom": ".dcm",
}
