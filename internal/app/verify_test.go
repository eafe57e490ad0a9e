package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
)

// Messages are verified as objects are: counted, hashed, and named when damaged.
func TestVerifyMessages(t *testing.T) {
	c, ctx := config.Default(), context.Background()
	c.Data = t.TempDir()
	open := func() *Data {
		d, err := OpenData(ctx, c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open()
	in := intake.New(d.intakeConfig(c, slog.New(slog.DiscardHandler)))
	var total int64
	for _, text := range []string{"MSH|^~\\&|LIS|LAB|||20261121||ADT^A08|7|P|2.5\rPID|1||X\r", "no message"} {
		total += int64(len(text))
		in.Handle(ctx, mllp.Peer{Addr: netip.MustParseAddr("10.1.2.3")}, mllp.Frame{Kind: mllp.Message, Bytes: []byte(text), Total: int64(len(text))})
	}
	r, err := d.Verify(ctx, nil)
	if err != nil || r.Messages != 2 || r.Bytes != total || len(r.Damage) > 0 {
		t.Fatalf("%+v, %v; want 2 messages of %d bytes", r, err, total)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(c.Data, "store", "journal", "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segments[0], bytes.Replace(b, []byte("ADT^A08"), []byte("ADT^A09"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	d = open()
	defer d.Close()
	r, err = d.Verify(ctx, nil)
	if err != nil || len(r.Damage) == 0 || !strings.HasPrefix(r.Damage[0], "message ") {
		t.Errorf("%q, %v: the damaged message is not named", r.Damage, err)
	}
}
