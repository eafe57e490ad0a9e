package app

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
)

// What is sent of a report bears the codes of the maps beside the sender's, and its documents.
func TestResultMessages(t *testing.T) {
	c, ctx, log := config.Default(), context.Background(), slog.New(slog.DiscardHandler)
	c.Data = t.TempDir()
	c.Lab.Maps = []string{filepath.Join(t.TempDir(), "lis.csv")}
	if err := os.WriteFile(c.Lab.Maps[0], []byte("system,code,loinc,display,unit,ucum\nL,HB,718-7,Hemoglobin,,\n,,,,g/lit,g/L\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := OpenData(ctx, c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	text := "MSH|^~\\&|LIS|LAB|||20261121||ORU^R01|7|P|2.5\rPID|1||X\rOBR|1|P1|F1|CBC^Count^L\rOBX|1|NM|HB^Hb^L||120|g/lit|||||F\r" +
		"OBX|2|ED|PDF^Report^L||^AP^PDF^Base64^" + base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 some")) + "||||||F\r"
	in := intake.New(d.intakeConfig(c, log))
	in.Handle(ctx, mllp.Peer{Addr: netip.MustParseAddr("10.1.2.3")}, mllp.Frame{Kind: mllp.Message, Bytes: []byte(text), Total: int64(len(text))})
	loaded, err := loadMaps(c)
	if err != nil {
		t.Fatal(err)
	}
	events, err := d.Index.EventsSince(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var m *hl7v2.Message
	for i := range events {
		if events[i].Type == halong.EventReportStored {
			if m, err = (messageSource{d, "HALONG", loaded.maps}).Message(ctx, &events[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m == nil {
		t.Fatal("no report was filed")
	}
	for path, want := range map[string]string{
		"OBX[1]-3.1": "HB", "OBX[1]-3.4": "718-7", "OBX[1]-3.6": "LN", "OBX[1]-6.1": "g/lit", "OBX[1]-6.4": "g/L",
		"OBX[2]-5.5": base64.StdEncoding.EncodeToString([]byte("%PDF-1.4 some")),
	} {
		if got := m.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
