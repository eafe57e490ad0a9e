package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/internal/app/config"
)

// The message that a cancellation becomes says of whom the order is, also where the body says its number alone: routes send it on. It says what is known of the patient by now, so that
// it takes nothing back that was corrected since.
func TestCancellationNamesThePatient(t *testing.T) {
	at := run(t, func(*config.Config) {}).Addresses()
	ask := func(method, path, body string) string {
		t.Helper()
		q, err := http.NewRequest(method, at.URL+path, strings.NewReader(body))
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
		if err != nil || r.StatusCode >= 300 {
			t.Fatal(r.StatusCode, string(b), err)
		}
		return string(b)
	}
	for i, cancel := range []string{"/api/orders", "/api/orders/%d/cancel"} {
		number := fmt.Sprint("N", i)
		var o struct {
			ID int64 `json:"id,string"`
		}
		decode(t, ask("POST", "/api/orders", `{"number":"`+number+`","patient":{"id":"P1","authority":"A","name":"Lê^An","birthDate":"1970-01-02","sex":"F"},"modality":"CT"}`), &o)
		ask("POST", "/api/orders", `{"number":"X`+number+`","patient":{"id":"P1","authority":"A","name":"Lê^Ân`+number+`","birthDate":"1970-01-03","sex":"F"},"modality":"CT"}`)
		body := `{"number":"` + number + `","action":"cancel"}`
		if i == 1 {
			cancel, body = fmt.Sprintf(cancel, o.ID), ""
		}
		ask("POST", cancel, body)
		var list MessageList
		decode(t, ask("GET", "/api/messages?limit=1", ""), &list)
		m, err := hl7v2.Parse([]byte(ask("GET", fmt.Sprint("/api/messages/", list.Messages[0].Message), "")))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join([]string{m.Get("ORC-1"), m.Get("PID-3.1"), m.Get("PID-3.4"), m.Get("PID-5.1"), m.Get("PID-5.2"), m.Get("PID-7"), m.Get("PID-8")}, " "); got != "CA P1 A Lê Ân"+number+" 19700103 F" {
			t.Errorf("%s: %s", cancel, got)
		}
	}
}
