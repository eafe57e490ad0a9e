package intake

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// decayed is a store in which one text has become another.
type decayed struct {
	Blobs
	was, is string
}

func (b decayed) Open(d halong.Digest, p storage.Place) (storage.BlobReader, error) {
	r, err := b.Blobs.Open(d, p)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	return inMemory{bytes.NewReader(bytes.ReplaceAll(raw, []byte(b.was), []byte(b.is)))}, err
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// TestDecayedMessage: of a message in which one digit is another, no value is shown, nothing is built and nothing is processed.
func TestDecayedMessage(t *testing.T) {
	w := newWorld(t)
	w.send(oru("1", "202611210900", "p", "F1", "F", "HGB|140|F"))
	w.send(oru("2", "202611210900", "p", "F2", "F", "HGB|139|F"))
	blobs := decayed{w.disk, "|140|", "|740|"}
	ctx := context.Background()
	all := halong.Everything()
	if _, err := (Originals{w.db, blobs}).Reports(ctx, 1); halong.KindOf(err) != halong.Corrupt {
		t.Error(err)
	}
	if _, _, err := (Originals{w.db, blobs}).Read(ctx, all, 1); halong.KindOf(err) != halong.Corrupt {
		t.Error(err)
	}
	e := echo.New()
	RegisterAPI(e.Group("/api"), APIConfig{Results: w.db, Blobs: blobs, Scope: func(echo.Context) (halong.Scope, halong.Facility, error) { return all, "", nil }})
	for _, path := range []string{"/patients/p/results", "/reports", "/reports?number=F1", "/observations?patient=p", "/reports/1.0"} {
		r := httptest.NewRecorder()
		e.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/api"+path, nil))
		body := r.Body.String()
		if r.Code != http.StatusOK || strings.Contains(body, "740") || !strings.Contains(body, "is damaged") && !strings.Contains(path, "observations") {
			t.Errorf("%s: %d %s", path, r.Code, body)
		}
		if alone := strings.Contains(path, "F1") || strings.Contains(path, "1.0"); strings.Contains(body, "139") == alone {
			t.Errorf("%s: the other report: %s", path, body)
		}
	}
}
