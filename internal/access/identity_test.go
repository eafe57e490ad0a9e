package access

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong"
)

// quick makes a passcode that costs little to check.
func quick(t testing.TB, secret string, iterations int) Passcode {
	t.Helper()
	p := Passcode{iterations: iterations, salt: []byte("12345678")}
	var err error
	if p.hash, err = p.derive([]byte(secret)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPasscode(t *testing.T) {
	p := quick(t, "bí mật", minIterations)
	again, err := ParsePasscode(p.String())
	if err != nil {
		t.Fatal(err)
	}
	if !again.matches([]byte("bí mật")) || again.matches([]byte("bi mat")) || again.matches(nil) {
		t.Error("the passcode does not come back from its text")
	}
	// PBKDF2-HMAC-SHA-256 of "password" with the salt "saltSALT", 100,000 iterations, as Python's hashlib computes it.
	const known = "pbkdf2-sha256$100000$c2FsdFNBTFQ$XICeNZwD4luIXPkNsjf96ge+U18notQGSucZtvKZaqo"
	if k, err := ParsePasscode(known); err != nil || !k.matches([]byte("password")) {
		t.Errorf("another implementation's hash is not taken: %v", err)
	}
	for _, s := range []string{
		"", "secret", "pbkdf2-sha256$100000$c2FsdFNBTFQ", "pbkdf2-sha1$100000$c2FsdFNBTFQ$AAAA",
		"pbkdf2-sha256$99999$c2FsdFNBTFQ$" + known[len(known)-43:], "pbkdf2-sha256$99999999999$c2FsdFNBTFQ$" + known[len(known)-43:],
		"pbkdf2-sha256$-1$c2FsdFNBTFQ$" + known[len(known)-43:], "pbkdf2-sha256$100000$c2Fs$" + known[len(known)-43:],
		"pbkdf2-sha256$100000$c2FsdFNBTFQ$c2FsdFNBTFQ", "pbkdf2-sha256$100000$!$" + known[len(known)-43:],
	} {
		if _, err := ParsePasscode(s); err == nil {
			t.Errorf("%q was taken", s)
		}
		if _, err := ParsePasscode(s); s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("the error repeats the passcode: %v", err)
		}
	}
}

func FuzzParsePasscode(f *testing.F) {
	f.Add("pbkdf2-sha256$100000$c2FsdFNBTFQ$XICeNZwD4luIXPkNsjf96ge+U18notQGSucZtvKZaqo")
	f.Add("pbkdf2-sha256$$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePasscode(s)
		if err != nil {
			return
		}
		again, err := ParsePasscode(p.String())
		if d := cmp.Diff(p, again, cmp.AllowUnexported(Passcode{})); err != nil || d != "" {
			t.Error(err, d)
		}
	})
}

// yes is a Verifier that knows one ticket.
type yes struct{}

func (yes) Verify(_ context.Context, c *Claim) (*Identity, error) {
	if string(c.Primary) != "ticket" {
		return nil, ErrUnverified
	}
	return &Identity{Name: "kerberos user", Facility: "BV3", Response: []byte("server ticket")}, nil
}

func TestIdentify(t *testing.T) {
	anna := Identity{Name: "anna", Facility: "BV1"}
	users := []User{{quick(t, "right", 100), anna}, {quick(t, "other", 100), Identity{Name: "binh"}}}
	claim := func(kind uint8, primary, secondary string) *Claim {
		return &Claim{Type: kind, Primary: []byte(primary), Secondary: []byte(secondary)}
	}
	ticket := &Identity{Name: "kerberos user", Facility: "BV3", Response: []byte("server ticket")}
	for _, c := range []struct {
		name  string
		x     *Identities
		claim *Claim
		want  *Identity
		err   error
	}{
		{"nothing configured, nothing said", nil, nil, nil, nil},
		{"nothing configured", &Identities{}, claim(2, "anna", "right"), nil, nil},
		{"nothing said", &Identities{Users: users}, nil, nil, nil},
		{"nothing said, required", &Identities{Users: users, Required: true}, nil, nil, ErrNoIdentity},
		{"right", &Identities{Users: users}, claim(2, "anna", "right"), &anna, nil},
		{"wrong passcode", &Identities{Users: users}, claim(2, "anna", "wrong"), nil, ErrWrongIdentity},
		{"another's passcode", &Identities{Users: users}, claim(2, "anna", "other"), nil, ErrWrongIdentity},
		{"no passcode", &Identities{Users: users}, claim(2, "anna", ""), nil, ErrWrongIdentity},
		{"unknown", &Identities{Users: users}, claim(2, "chi", "right"), nil, ErrWrongIdentity},
		{"case", &Identities{Users: users}, claim(2, "Anna", "right"), nil, ErrWrongIdentity},
		{"empty name", &Identities{Users: users}, claim(2, "", "right"), nil, ErrWrongIdentity},
		{"a name alone proves nothing", &Identities{Users: users}, claim(1, "anna", ""), nil, nil},
		{"a name alone, required", &Identities{Users: users, Required: true}, claim(1, "anna", ""), nil, ErrNoIdentity},
		{"nobody to verify it", &Identities{Users: users}, claim(5, "ticket", ""), nil, nil},
		{"nobody to verify it, required", &Identities{Users: users, Required: true}, claim(5, "ticket", ""), nil, ErrNoIdentity},
		{"verified", &Identities{Verifier: yes{}}, claim(3, "ticket", ""), ticket, nil},
		{"not verified", &Identities{Verifier: yes{}}, claim(3, "forged", ""), nil, ErrUnverified},
		{"names are not for the verifier", &Identities{Verifier: yes{}, Required: true}, claim(1, "ticket", ""), nil, ErrNoIdentity},
		{"type 0", &Identities{Verifier: yes{}, Users: users, Required: true}, claim(0, "ticket", ""), nil, ErrNoIdentity},
	} {
		for range 2 { // the second time, what was learned is used
			got, err := c.x.Identify(context.Background(), c.claim)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("%s: error %v, want %v", c.name, err, c.err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
		}
	}
}

// A right passcode once seen does not make a wrong one right, nor another user's; whoever waits for a turn stops when its
// context ends.
func TestRemembered(t *testing.T) {
	x := &Identities{Users: []User{{quick(t, "right", 100), Identity{Name: "anna"}}, {quick(t, "right", 100), Identity{Name: "binh"}}}}
	ask := func(ctx context.Context, name, secret string) error {
		_, err := x.Identify(ctx, &Claim{Type: 2, Primary: []byte(name), Secondary: []byte(secret)})
		return err
	}
	if err := ask(context.Background(), "anna", "right"); err != nil {
		t.Fatal(err)
	}
	if err := ask(context.Background(), "anna", "wrong"); !errors.Is(err, ErrWrongIdentity) {
		t.Error(err)
	}
	x.turn <- struct{}{} // somebody is at it
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ask(ctx, "binh", "right"); !errors.Is(err, context.Canceled) {
		t.Error("binh:", err)
	}
	if err := ask(ctx, "anna", "right"); err != nil {
		t.Error("a remembered passcode had to wait:", err)
	}
	<-x.turn
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := ask(context.Background(), "binh", "right"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestN23PeersByCertificate(t *testing.T) {
	uri, err := url.Parse("urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff")
	if err != nil {
		t.Fatal(err)
	}
	ct := &x509.Certificate{Raw: []byte("der of ct"), DNSNames: []string{"CT1.bv1.example"}, Subject: pkix.Name{CommonName: "CT One"}, URIs: []*url.URL{uri}}
	other := &x509.Certificate{Raw: []byte("der of another"), Subject: pkix.Name{CommonName: "x"}}
	sum := SumOf("der of ct")
	pin := "sha256:" + hex.EncodeToString(sum[:])
	colons := "sha256:" + strings.ToUpper(strings.TrimSuffix(strings.Join(pairs(hex.EncodeToString(sum[:])), ":"), ":"))
	for _, c := range []struct {
		want     string
		shown    *x509.Certificate
		verified bool
		ok       bool
	}{
		{"", nil, false, true},
		{"", ct, true, true},
		{"ct1.bv1.example", ct, true, true},
		{"ct1.bv1.example", ct, false, false}, // nobody vouches for the name
		{"ct1.bv1.example", nil, false, false},
		{"CT One", ct, true, true},
		{"ct one", ct, true, false},
		{uri.String(), ct, true, true},
		{"ct2.bv1.example", ct, true, false},
		{"bv1.example", ct, true, false},
		{pin, ct, false, true},
		{colons, ct, true, true},
		{pin, other, true, false},
		{pin, nil, false, false},
	} {
		rule, err := ParseCertificate(c.want)
		if err != nil {
			t.Fatal(err)
		}
		ps := Peers{{AE: "CT1", Certificate: rule, Facility: "BV1"}}
		caller := Caller{AE: "CT1", Addr: netip.MustParseAddr("127.0.0.1"), Shown: c.shown, Verified: c.verified}
		if p, ok := ps.Match(caller); ok != c.ok || ok && p.Facility != halong.Facility("BV1") {
			t.Errorf("%q, verified %v: %v, want %v", c.want, c.verified, ok, c.ok)
		}
		caller.AE = "CT2"
		if _, ok := ps.Match(caller); ok {
			t.Errorf("%q: the certificate let another AE title in", c.want)
		}
	}
	for _, s := range []string{"sha256:", "sha256:zz", pin + "00", "sha256:" + strings.Repeat("g", 64), " name"} {
		if _, err := ParseCertificate(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func pairs(s string) (out []string) {
	for ; len(s) >= 2; s = s[2:] {
		out = append(out, s[:2])
	}
	return out
}
