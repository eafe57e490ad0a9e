package app

import (
	"log/slog"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// TestDestinationTitles: spaces around AE titles in the configuration do not count (PS3.5 6.2); without them C-MOVE asks for destinations.
func TestDestinationTitles(t *testing.T) {
	c := config.Default()
	c.DICOM.Destinations = []config.Destination{{AE: " PACS ", Address: "h:104", AsyncOperations: 4}}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	got, err := (&App{config: c, log: slog.New(slog.DiscardHandler)}).destinations()
	if err != nil || len(got) != 1 || got[0].AE != "PACS" || got[0].AsyncOperations != 4 {
		t.Errorf("%+v, %v", got, err)
	}
	if c.DICOMDestination("PACS") == nil || c.DICOMDestination("PACS ") == nil {
		t.Error("forwarding does not find it")
	}
}
