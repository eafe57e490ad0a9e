package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
	"github.com/halong-gateway/halong/storage"
)

// TestDamagedMessages: the bytes of a message that are not those that came are not given out, sent on or processed, and whoever asks is told.
func TestDamagedMessages(t *testing.T) {
	var data string
	a := run(t, func(c *config.Config) {
		c.HL7.Listen, data = "127.0.0.1:0", c.Data
		c.Routes.Destinations = []config.RouteDestination{{Name: "his", MLLP: "127.0.0.1:9"}}
	})
	conn, err := net.Dial("tcp", a.Addresses().HL7)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for n := 1; n <= 2; n++ {
		fmt.Fprintf(conn, "\x0bMSH|^~\\&|LIS|LAB|||20261122||ADT^A60|C%d|P|2.5\rPID|||77%d\r\x1c\r", n, n)
		if _, err := answers.ReadString('\x1c'); err != nil {
			t.Fatal(err)
		}
	}
	overwrite(t, filepath.Join(data, "store", "journal", "00000001.seg"), "PID|||771", "PID|||991")
	do := func(method, path string) (int, string) {
		t.Helper()
		rq, err := http.NewRequest(method, a.Addresses().URL+"/api/messages"+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		rq.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	var list MessageList
	if _, body := do("GET", ""); json.Unmarshal([]byte(body), &list) != nil || len(list.Messages) != 2 {
		t.Fatal(body)
	}
	for i, damaged := range []bool{false, true} { // the newest first
		at := fmt.Sprint("/", list.Messages[i].Message)
		for _, c := range []struct {
			method, path  string
			whole, broken int
			holds         string // when it is damaged
		}{
			{"GET", "", 200, 500, `"detail":"The stored bytes are damaged: they are not those that came."`},
			{"HEAD", "", 200, 500, ""},
			{"GET", "/status", 200, 200, `"damaged":"storage.Check sha256:`},
			{"POST", "/resend", 200, 409, "damaged"},
			{"POST", "/reprocess", 200, 500, "damaged"},
		} {
			want := c.whole
			if damaged {
				want = c.broken
			}
			status, body := do(c.method, at+c.path)
			if status != want || strings.Contains(body, "991") || strings.Contains(body, "damaged") != (damaged && c.holds != "") || damaged && !strings.Contains(body, c.holds) {
				t.Errorf("%s %s, damaged %v: %d, %s", c.method, c.path, damaged, status, body)
			}
		}
	}
}

// overwrite changes bytes in place, in a file that somebody may have open.
func overwrite(t *testing.T, name, was, is string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(was))
	if at < 0 {
		t.Fatalf("%s does not hold %q: %q", name, was, b[:min(len(b), 400)])
	}
	if _, err := f.WriteAt([]byte(is), int64(at)); err != nil {
		t.Fatal(err)
	}
}

// TestReindexListsDamagedMessages: a message whose record is damaged is in quarantine after a reindex, with where its bytes lie and where it came from; nothing else of it is given.
func TestReindexListsDamagedMessages(t *testing.T) {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	for name, c := range map[string]struct {
		was, is  string // bytes of the record
		facility halong.Facility
		address  string
	}{
		"what it says":     {"PID|||771", "PID|||991", "BV1", "10.1.2.3"},
		"the last one":     {"PID|||773", "PID|||993", halong.DefaultFacility, ""}, // nothing is read behind the last valid record
		"its facility":     {"\x03BV1\x04MLLP", "\x03BV2\x04MLLP", halong.DefaultFacility, "10.1.2.3"},
		"how long it is":   {"\x03BV1\x04MLLP", "\xf3BV1\x04MLLP", halong.DefaultFacility, ""},
		"what it could be": {"MSH|^~\\&|LIS|LAB|||20261122||ADT^A60|C1", "no message at all, but as many bytes!!!", "BV1", "10.1.2.3"},
	} {
		conf := config.Default()
		conf.Data = t.TempDir()
		var d *Data
		send := func(numbers ...int) {
			var err error
			if d, err = OpenData(ctx, conf, log); err != nil {
				t.Fatal(err)
			}
			rules := d.intakeConfig(conf, log)
			rules.Peer = func(mllp.Peer) intake.Rule { return intake.Rule{Facility: "BV1"} }
			in := intake.New(rules)
			for _, n := range numbers {
				text := fmt.Sprintf("MSH|^~\\&|LIS|LAB|||20261122||ADT^A60|C%d|P|2.5\rPID|||77%d\r", n, n)
				in.Handle(ctx, mllp.Peer{Addr: netip.MustParseAddr("10.1.2.3")}, mllp.Frame{Kind: mllp.Message, Bytes: []byte(text), Total: int64(len(text))})
			}
		}
		end := func() {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		send(1, 2, 3)
		end()
		overwrite(t, filepath.Join(conf.Data, "store", "journal", "00000001.seg"), c.was, c.is)
		for i := range 2 { // and after the second as after the first
			done, err := Reindex(ctx, conf, log)
			if want := (Reindexed{Records: 2 + i, Damaged: 1}); done != want || err != nil {
				t.Errorf("%s: %+v, %v", name, done, err)
			}
			if i == 0 {
				send(4)
				end()
			}
		}
		send()
		page, err := d.Index.FindMessages(ctx, halong.Everything(), storage.MessageQuery{State: "refused"})
		if err != nil || len(page.Messages) != 1 {
			t.Fatalf("%s: %d messages, %v", name, len(page.Messages), err)
		}
		if last, err := d.Index.Message(ctx, halong.Everything(), 4); err != nil || last.State != storage.MessageKept {
			t.Errorf("%s: %+v, %v", name, last, err)
		}
		m := page.Messages[0]
		if want := map[bool]uint64{true: 3, false: 1}[name == "the last one"]; m.Seq != want || m.State != storage.MessageRefused || m.Facility != c.facility || m.Source.Address != c.address || m.Received.Year() < 1970 || m.Received.Year() > 9999 ||
			!strings.Contains(m.Reason, "damaged: the payload's checksum is wrong (segment 1, offset ") || strings.Contains(m.Reason, "771") {
			t.Errorf("%s: %+v", name, m)
		}
		if _, err := d.verifyMessage(m); halong.KindOf(err) != halong.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
		end()
	}
}
