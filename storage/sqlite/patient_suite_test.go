package sqlite_test

import (
	"testing"

	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

func TestPatients(t *testing.T) {
	storagetest.Patients(t, func(t testing.TB) storagetest.PatientIndex { return open(t, nil, sqlite.Options{}) })
}
