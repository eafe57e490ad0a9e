package app

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
)

func ask(t *testing.T, c config.Verifier, claim *access.Claim) (*access.Identity, error) {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = config.Duration(time.Minute)
	}
	v, err := newVerifier(&c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(context.Background(), claim)
}

// TestVerifier: what is asked, and that every answer but a whole yes refuses.
func TestVerifier(t *testing.T) {
	var got string
	answer, status := "", http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.Header.Get("Content-Type") + " " + string(b)
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer) // the client may have gone
	}))
	defer s.Close()
	claim := &access.Claim{Type: access.IdentityJWT, Primary: []byte("head.body.secret"), CallingAE: "WS1", CalledAE: "HALONG", Address: "127.0.0.1"}
	whole := &access.Identity{Name: "bs.an", Facility: "BV1", Facilities: []halong.Facility{"BV2"}, Response: []byte("ok")}
	for _, c := range []struct {
		name, answer string
		status       int
		want         *access.Identity
		err          error
	}{
		{"yes", `{"allow":true,"name":"bs.an","facility":"BV1","facilities":["BV2"],"response":"b2s="}`, 200, whole, nil},
		{"yes and no more", `{"allow":true}`, 200, &access.Identity{}, nil},
		{"no", `{"allow":false,"name":"bs.an"}`, 200, nil, access.ErrUnverified},
		{"nothing said", `{}`, 200, nil, access.ErrUnverified},
		{"null", `null`, 200, nil, access.ErrUnverified},
		{"no JSON", `allow`, 200, nil, access.ErrUnavailable},
		{"empty", ``, 200, nil, access.ErrUnavailable},
		{"more than one", `{"allow":true}{"allow":true}`, 200, nil, access.ErrUnavailable},
		{"bad status", `{"allow":true}`, 500, nil, access.ErrUnavailable},
		{"not even by 201", `{"allow":true}`, 201, nil, access.ErrUnavailable},
		{"redirect", `{"allow":true}`, 302, nil, access.ErrUnavailable},
		{"bad facility", `{"allow":true,"facility":"../x"}`, 200, nil, access.ErrUnavailable},
		{"bad name", `{"allow":true,"name":"a\nb"}`, 200, nil, access.ErrUnavailable},
		{"endless", `{"allow":true,"name":"` + strings.Repeat("x", maxVerdict) + `"}`, 200, nil, access.ErrUnavailable},
		{"long response", `{"allow":true,"response":"` + strings.Repeat("AAAA", 22000) + `"}`, 200, nil, access.ErrUnavailable},
	} {
		answer, status = c.answer, c.status
		who, err := ask(t, config.Verifier{URL: s.URL}, claim)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if d := cmp.Diff(c.want, who); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the assertion: %v", c.name, err)
		}
	}
	const want = `POST application/json {"type":"jwt","identity":"aGVhZC5ib2R5LnNlY3JldA==","calling_ae":"WS1","called_ae":"HALONG","address":"127.0.0.1"}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got = ""
	if _, err := ask(t, config.Verifier{URL: s.URL}, &access.Claim{Type: 9}); !errors.Is(err, access.ErrUnverified) || got != "" {
		t.Errorf("type 9: %v, asked %q", err, got)
	}
}

// TestVerifierOutOfReach: silence, a stranger's certificate and nobody there refuse, for now.
func TestVerifierOutOfReach(t *testing.T) {
	claim := &access.Claim{Type: access.IdentitySAML, Primary: []byte("<Assertion/>")}
	over := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer silent.Close()
	defer close(over)
	if _, err := ask(t, config.Verifier{URL: silent.URL, Timeout: config.Duration(10 * time.Millisecond)}, claim); !errors.Is(err, access.ErrUnavailable) {
		t.Error("silent:", err)
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(verdict{Allow: true, Name: "an"}); err != nil {
			t.Error(err)
		}
	}))
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	if _, err := ask(t, config.Verifier{URL: secure.URL}, claim); !errors.Is(err, access.ErrUnavailable) {
		t.Error("unknown authority:", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if who, err := ask(t, config.Verifier{URL: secure.URL, CA: ca}, claim); err != nil || who.Name != "an" {
		t.Error("known authority:", err)
	}
	secure.Close()
	if _, err := ask(t, config.Verifier{URL: secure.URL, CA: ca}, claim); !errors.Is(err, access.ErrUnavailable) {
		t.Error("nobody there:", err)
	}
}

// FuzzVerdict: whatever a verifier answers, who is let in has a name, facilities and a response that can be used.
func FuzzVerdict(f *testing.F) {
	f.Add(`{"allow":true,"name":"bs.an","facility":"BV1","facilities":["BV2"],"response":"b2s="}`)
	f.Add(`{"allow":1}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, answer string) {
		who, err := judge(strings.NewReader(answer))
		if err != nil {
			return
		}
		if len(who.Response) > 1<<16 || strings.ContainsAny(who.Name, "\r\n\x00") {
			t.Errorf("%+v", who)
		}
		for _, f := range append([]halong.Facility{who.Facility}, who.Facilities...) {
			if f != "" && config.ValidFacility(f) != nil {
				t.Errorf("facility %q", f)
			}
		}
	})
}
