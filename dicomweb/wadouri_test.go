package dicomweb

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

func TestWADOURI(t *testing.T) {
	s := serve(t)
	s.put(fileIn(implicitLE, "1.2.3.5"), fileIn(jls, "1.2.3.6", fragments(1, nil, []byte{1, 2})), fileIn(jpeg, "1.2.3.7", fragments(1, nil, []byte{1, 2})))
	const one = "?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.4&objectUID="
	for _, tc := range []struct {
		name, query string
		status      int
		syntax      dicom.UID
	}{
		{"default", one + "1.2.3.5", 200, explicitLE},
		{"as dicomweb-client asks", one + "1.2.3.5&contentType=application/dicom&transferSyntax=*", 200, implicitLE},
		{"escaped", one + "1.2.3.5&contentType=application%2Fdicom&transferSyntax=1.2.840.10008.1.2", 200, implicitLE},
		{"names in another case", "?requesttype=WADO&studyuid=1.2.3&seriesuid=1.2.3.4&objectuid=1.2.3.5", 200, explicitLE},
		{"unknown parameter", one + "1.2.3.5&x=y", 200, explicitLE},
		{"one of several types", one + "1.2.3.5&contentType=image/jpeg,application/dicom;q=0.5", 200, explicitLE},
		{"not anonymized", one + "1.2.3.5&anonymize=no", 200, explicitLE},
		{"compressed as stored", one + "1.2.3.6&transferSyntax=1.2.840.10008.1.2.4.80", 200, jls},
		{"lossy is given as it is", one + "1.2.3.7", 200, jpeg},
		{"compressed without loss cannot be re-encoded", one + "1.2.3.6", 406, ""},
		{"other transfer syntax", one + "1.2.3.5&transferSyntax=1.2.840.10008.1.2.4.90", 406, ""},
		{"rendered", one + "1.2.3.5&contentType=image/jpeg", 406, ""},
		{"rendered parameter", one + "1.2.3.5&contentType=application/dicom&rows=512", 400, ""},
		{"anonymized", one + "1.2.3.5&anonymize=yes", 400, ""},
		{"no object", "?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.4", 400, ""},
		{"bad UID", one + "a/b", 400, ""},
		{"no request type", "?studyUID=1.2.3&seriesUID=1.2.3.4&objectUID=1.2.3.5", 400, ""},
		{"other request type", "?requestType=QIDO&studyUID=1.2.3&seriesUID=1.2.3.4&objectUID=1.2.3.5", 400, ""},
		{"twice", one + "1.2.3.5&objectUID=1.2.3.6", 400, ""},
		{"bad type", one + "1.2.3.5&contentType=dicom", 400, ""},
		{"unknown", one + "1.2.3.9", 404, ""},
		{"not acceptable by quality", one + "1.2.3.5&contentType=application/dicom;q=0", 406, ""},
		{"of all types all but this", one + "1.2.3.5&contentType=*/*,application/dicom;q=0", 406, ""},
		{"of all types only this", one + "1.2.3.5&contentType=*/*;q=0,application/dicom", 200, explicitLE},
		{"bad quality", one + "1.2.3.5&contentType=application/dicom;q=2", 400, ""},
		{"of another series", "?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.5&objectUID=1.2.3.5", 404, ""},
	} {
		w := s.get(tc.query)
		if w.Code != tc.status {
			t.Errorf("%s: %d, want %d: %.200s", tc.name, w.Code, tc.status, w.Body)
			continue
		}
		if tc.status != 200 {
			continue
		}
		h, _, err := dataset.ReadFileHeader(bytes.NewReader(w.Body.Bytes()), dataset.Limits{})
		if err != nil || h.TransferSyntax != tc.syntax || w.Header().Get("Content-Type") != "application/dicom; transfer-syntax="+string(tc.syntax) {
			t.Errorf("%s: %v %v %v", tc.name, err, h, w.Header())
		}
		s.want(s.get(tc.query, "If-None-Match: "+w.Header().Get("ETag")), http.StatusNotModified)
	}
	if w := s.do(http.MethodPost, one+"1.2.3.5", nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	s.want(s.get("/facilities/BV9"+one+"1.2.3.5"), 404)
}

// The service at an address of its own.
func TestRegisterURI(t *testing.T) {
	s := serve(t)
	s.put(file("1.2.3.5"))
	e := echo.New()
	RegisterURI(e.Group("/wado"), Config{Archive: FromStorage(s.m), Scope: everything, Base: "/wado"})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/wado?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.4&objectUID=1.2.3.5", nil))
	if w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
}

func everything(echo.Context) (halong.Scope, halong.Facility, error) {
	return halong.Everything(), halong.DefaultFacility, nil
}
