package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/internal/app/config"
)

// What operators are told of a message that is only kept, and what callers ask and cannot have, has its reason, without what they wrote.
func TestMessageReasons(t *testing.T) {
	at := run(t, func(c *config.Config) { c.HL7.Listen = "127.0.0.1:0" }).Addresses()
	c, err := net.Dial("tcp", at.HL7)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for _, m := range []string{"no message", "MSH|^~\\&|A|B|C|D|||ADT^A60|1|P|2.5"} {
		fmt.Fprint(c, "\x0b"+m+"\x1c\r")
		if _, err := answers.ReadString('\x1c'); err != nil {
			t.Fatal(err)
		}
	}
	do := func(method, path, body string) (int, string) {
		t.Helper()
		q, err := http.NewRequest(method, at.URL+"/api"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/json")
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	var list MessageList
	if status, body := do("GET", "/messages?state=refused", ""); status != 200 || json.Unmarshal([]byte(body), &list) != nil || len(list.Messages) != 1 {
		t.Fatal(status, body)
	}
	refused := fmt.Sprint("/messages/", list.Messages[0].Message)
	for _, c := range []struct {
		method, path, body string
		status             int
		holds              string
	}{
		{"GET", "/messages?state=kept", "", 200, `"note":"messages of this type are not processed"`},
		{"POST", "/messages/2/reprocess", "", 200, `"state":"kept","note":"messages of this type are not processed"`},
		{"GET", "/messages?state=lost", "", 400, "kept, processed or refused"},
		{"GET", "/messages?limit=x", "", 400, "limit"},
		{"GET", "/messages/9999/status", "", 404, "no such message"},
		{"POST", refused + "/resend", `{}`, 409, "refused"},
		{"POST", "/messages/9999/resend", `{}`, 404, "no such message"},
		{"POST", refused + "/resend", `{"tu":"x"}`, 400, `unknown field \"tu\"`},
		{"POST", refused + "/resend", `{"destination":1}`, 400, "destination"},
		{"POST", refused + "/resend", `{} {}`, 400, "one JSON value"},
		{"POST", refused + "/reprocess", "", 409, "the message was refused"},
		{"POST", "/messages/abc/reprocess", "", 400, "id: a message is named by its number"},
		{"POST", "/messages/9999/reprocess", "", 404, "no such thing"},
		{"GET", "/messages/abc", "", 400, "id: a message is named by its number"},
		{"GET", "/messages/9999", "", 404, "no such thing"},
		{"GET", "/observations", "", 400, "patient: is needed"},
		{"GET", "/observations?patient=8", "", 404, "no such thing"},
		{"GET", "/observations?patient=8&from=Lê", "", 400, "from: a time"},
		{"GET", "/reports?limit=0", "", 400, "limit: a number"},
		{"GET", "/reports?before=1", "", 400, "before: a report is named by two numbers"},
		{"GET", "/reports?history=Lê", "", 400, "history: true or false"},
		{"GET", "/reports?status=Lê", "", 400, "status: registered, preliminary, final, corrected, cancelled, entered-in-error or deleted"},
		{"GET", "/reports?status=entered-in-error", "", 200, "[]"},
		{"GET", "/orphans?status=F", "", 400, "status: registered"},
		{"GET", "/observations?patient=8&status=F", "", 400, "status: registered"},
		{"GET", "/lab/unmapped?format=Lê", "", 400, "format: json or csv"},
		{"GET", "/orders?status=Lê", "", 400, "status is scheduled, arrived, ready, started, departed, held, completed, discontinued or cancelled"},
		{"GET", "/orders?status=held", "", 200, "[]"},
		{"GET", "/worklist/mismatches?resolved=Lê", "", 400, "resolved is true or false"},
		{"GET", "/worklist/unmatched?resolved=true", "", 200, "[]"},
		{"GET", "/deleted?state=Lê", "", 400, "hidden, restored or purged"},
		{"GET", "/deleted?kind=Lê", "", 400, "deletion or rejection"},
		{"GET", "/reports/1", "", 400, "id: a report is named by two numbers"},
		{"GET", "/reports/1.0", "", 404, "no such thing"},
		{"GET", "/reports/1/documents/1", "", 400, "id: a report is named"},
		{"GET", "/reports/1.0/documents/0", "", 400, "n: documents are counted from 1"},
		{"GET", "/patients/8/results", "", 404, "no such thing"},
		{"GET", "/lab/maps?version=8", "", 404, "no such thing"},
	} {
		if status, body := do(c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.holds) || strings.Contains(body, "Lê") {
			t.Errorf("%s %s %s: %d, %s", c.method, c.path, c.body, status, body)
		}
	}
}

// Answers are shown in UTF-8: those to a peer with a character set of its own, and those that MSH-18 says to be in another.
func TestAnswersAreShownInUTF8(t *testing.T) {
	for name, c := range map[string]struct{ charset, number, declared, text string }{
		"TCVN3":  {"TCVN3", "\xa7\xf81", "", "Đứ1"},
		"8859/1": {"", "M\xfc1", "8859/1", "Mü1"},
	} {
		at := run(t, func(cfg *config.Config) {
			cfg.HL7.Listen = "127.0.0.1:0"
			cfg.HL7.Peers = []config.HL7Peer{{Address: "127.0.0.1", Charset: c.charset}}
		}).Addresses()
		conn, err := net.Dial("tcp", at.HL7)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "\x0bMSH|^~\\&|A|B|C|D|||ORM^O01|1|P|2.5||||||%s\rPID|||1\rORC|NW|%s\rOBR||%s||CT\r\x1c\r", c.declared, c.number, c.number)
		if answer, err := bufio.NewReader(conn).ReadString('\x1c'); err != nil || !strings.Contains(answer, "ORC|OK|"+c.number) {
			t.Fatalf("%s: %q %v", name, answer, err)
		}
		var list MessageList
		var v MessageView
		getJSON(t, at.URL+"/api/messages", &list)
		getJSON(t, fmt.Sprint(at.URL, "/api/messages/", list.Messages[0].Message, "/status"), &v)
		if len(v.Answers) != 1 || !strings.Contains(v.Answers[0], "\rORC|OK|"+c.text+"\r") {
			t.Errorf("%s: %q", name, v.Answers)
		}
	}
}

func getJSON(t *testing.T, url string, v any) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	decode(t, string(b), v)
}

func decode(t *testing.T, body string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), v); err != nil {
		t.Fatal(err)
	}
}
