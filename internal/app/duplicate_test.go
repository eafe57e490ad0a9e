package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
)

// A message whose sender got no answer, since the index failed while the patient's orders were brought in step with what it said, is answered when it comes again once
// they are: of whatever type it is.
func TestDuplicateWaitsForWhatItsOriginalLeft(t *testing.T) {
	c, ctx, log := config.Default(), context.Background(), slog.New(slog.DiscardHandler)
	c.Data = t.TempDir()
	d := openData(t, c)
	u := &updater{Data: d, left: 1 << 30}
	cfg := d.intakeConfig(c, log)
	cfg.Updater = u
	in := intake.New(cfg)
	send := func(text string) string {
		t.Helper()
		b := []byte(strings.ReplaceAll(text, "\n", "\r"))
		answers := in.Handle(ctx, mllp.Peer{Addr: netip.MustParseAddr("10.1.2.3")}, mllp.Frame{Kind: mllp.Message, Bytes: b, Total: int64(len(b))})
		if len(answers) != 1 {
			t.Fatalf("%q", answers)
		}
		_, msa, _ := strings.Cut(string(answers[0]), "\rMSA|")
		return msa[:2]
	}
	head := func(kind string, n int, sex string) string {
		return fmt.Sprintf("MSH|^~\\&|HIS|BV|||20261121||%s|%d|P|2.5\nPID|1||P7^^^BV||Tran^Thi^Nu||19700101|%s\n", kind, n, sex)
	}
	if got := send(head("ADT^A28", 1, "")); got != "AA" {
		t.Fatal(got)
	}
	var orders strings.Builder
	for i := range 70 {
		fmt.Fprintf(&orders, "ORC|NW|PL%d\nOBR|1|PL%d||XQ^Chest|||||||||||||||||||||CR\n", i, i)
	}
	if got := send(head("ORM^O01", 2, "") + orders.String()); got != "AA" {
		t.Fatal(got)
	}
	for i, m := range []struct{ kind, sex, rest string }{
		{"ORM^O01", "F", "ORC|NW|PL100\nOBR|1|PL100||XQ^Chest|||||||||||||||||||||CR\n"},
		{"ADT^A31", "M", ""},
		{"ADT^A31", "", ""}, // so that the next one tells something
		{"ORU^R01", "F", "OBR|1|PL200|F1|HB^Hb^L\nOBX|1|NM|HB^Hb^L||120|g/L|||||F\n"},
	} {
		text := head(m.kind, 10+i, m.sex) + m.rest
		if m.sex == "" {
			text = strings.Replace(text, "|19700101|", `|19700101|""`, 1)
			if got := send(text); got != "AA" {
				t.Fatal(got)
			}
			continue
		}
		u.left = 1
		if got := send(text); got != "AR" || !d.people.Pending() {
			t.Errorf("%s: %s, with something left to do: %v", m.kind, got, d.people.Pending())
		}
		u.left = 1 << 30
		if got := send(text); got != "AA" || d.people.Pending() {
			t.Errorf("%s again: %s, with something left to do: %v", m.kind, got, d.people.Pending())
		}
	}
}

// updater fails after some transactions.
type updater struct {
	*Data
	left int
}

func (u *updater) Update(ctx context.Context, fn func(halong.Tx) error) error {
	if u.left--; u.left < 0 {
		return halong.E("test", halong.Transient, "", nil)
	}
	return u.Index.Update(ctx, fn)
}
