package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
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
		t.Fatalf("%s does not hold %q", name, was)
	}
	if _, err := f.WriteAt([]byte(is), int64(at)); err != nil {
		t.Fatal(err)
	}
}
