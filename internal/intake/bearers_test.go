package intake

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
)

// Results of a number that everybody bears are refused, not read in full.
func TestResultsOfTooManyPatients(t *testing.T) {
	w := newWorld(t)
	if err := w.db.Update(context.Background(), func(tx halong.Tx) error {
		for n := range patient.MaxBearers + 1 {
			p := &patient.Patient{Facility: halong.DefaultFacility, Identifiers: []patient.Identifier{{ID: fmt.Sprint(n)}, {ID: "000000000000", Type: "NI"}}}
			if _, err := w.db.AddPatient(tx, p); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if code, body := w.get("/patients/000000000000/results"); code != http.StatusConflict {
		t.Error(code, len(body))
	}
	if code, body := w.get("/patients/7/results"); code != http.StatusOK {
		t.Error(code, body)
	}
}
