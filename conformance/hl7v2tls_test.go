package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
)

// hl7OverTLS is a configuration with an MLLP listener over TLS, and no other for HL7.
func hl7OverTLS(t *testing.T, a *authority) *config.Config {
	t.Helper()
	own := a.issue(t, "gateway")
	c := onLoopback(t.TempDir())
	c.HL7.Listen = config.Off
	c.HL7.TLS = config.HL7TLS{Listen: "127.0.0.1:0", Cert: own.cert, Key: own.key, ClientCA: a.file}
	return c
}

// hl7Exchange sends one result over TLS and gives the code of the answer and its MSH-9, or why there is none.
func hl7Exchange(t *testing.T, addr string, c *tls.Config, message string) (string, error) {
	t.Helper()
	s := mllp.NewSender(mllp.SenderConfig{Dial: func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", addr)
	}})
	defer s.Close()
	x, err := s.Send(t.Context(), []byte(message))
	if err != nil {
		return "", err
	}
	f := strings.Split(string(x.Application.Raw), "|")
	return string(x.Application.Code) + " " + f[8], nil
}

// TestHL7MutualTLS: the client's certificate decides which line of hl7.peers holds; who has none of the authority is not let in.
func TestHL7MutualTLS(t *testing.T) {
	a, strangers := newAuthority(t), newAuthority(t)
	lis, his, other, wrong := a.issue(t, "lis.bv7.example"), a.issue(t, "his.bv8.example"), a.issue(t, "other.example"), strangers.issue(t, "lis.bv7.example")
	c := hl7OverTLS(t, a)
	c.HL7.Peers = []config.HL7Peer{
		{Certificate: "lis.bv7.example", Facility: "BV7", Charset: "VNI"},
		{Certificate: his.fingerprint, Facility: "BV8", Ack: config.AckPlain},
	}
	g := serve(t, c)
	order := func(id string) string {
		return "MSH|^~\\&|HIS|BV|HALONG|BV|20261122081500||ORM^O01|" + id + "|P|2.5\rPID|1||T" + id + "||NGUYE\xc3N^A\rORC|NW|P" + id + "\rOBR|1|P" + id + "||CT^CT^L\r"
	}
	for _, x := range []struct {
		name string
		tls  *tls.Config
		want string // empty: not let in
	}{
		{"paired", a.trusting(lis), "AA ORR^O02^ORR_O02"},
		{"plain", a.trusting(his), "AA ACK^O01^ACK"},
		{"not listed", a.trusting(other), ""},
		{"none", a.trusting(nil), ""},
		{"stranger's", a.trusting(wrong), ""},
	} {
		got, err := hl7Exchange(t, g.HL7TLS, x.tls, order(strings.Fields(x.name)[0]))
		if got != x.want || (err == nil) != (x.want != "") {
			t.Errorf("%s: %q %v", x.name, got, err)
		}
	}
	result := strings.Replace(strings.Replace(oruOf("V1", "", "", "140"), "Nguyễn^Ánh", "NGUYE\xc3N^A", 1), "UNICODE UTF-8", "", 1)
	if got, err := hl7Exchange(t, g.HL7TLS, a.trusting(lis), result); got != "AA ACK^R01^ACK" {
		t.Errorf("result: %q %v", got, err)
	}
	if status, body := g.ask(t, "/api/facilities/BV7/patients/PEERV1/results", ""); status != 200 || !strings.Contains(string(body), "NGUYỄN") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := g.ask(t, "/api/facilities/BV8/patients/PEERV1/results", ""); status != 404 {
		t.Errorf("elsewhere: %d", status)
	}
	old := a.trusting(lis)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 //nolint:gosec // what must be refused
	if _, err := hl7Exchange(t, g.HL7TLS, old, order("old")); err == nil {
		t.Error("TLS 1.1 was let in (RFC 8996)")
	}
	conn, err := net.Dial("tcp", g.HL7TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := mllp.NewClient(conn)
	if b, err := client.Send(t.Context(), []byte(order("clear"))); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without TLS: %q %v", b, err)
	}
	eventually(t, "the log tells who was refused", func() bool {
		said := g.log.String()
		return strings.Contains(said, "other.example") && strings.Contains(said, "TLS handshake")
	})
}

// TestHL7PythonOverTLS: python3-hl7 over TLS, with its certificate.
func TestHL7PythonOverTLS(t *testing.T) {
	python := needPythonHL7(t)
	a := newAuthority(t)
	cred := a.issue(t, "lis.example")
	g := serve(t, hl7OverTLS(t, a))
	_, port, _ := net.SplitHostPort(g.HL7TLS)
	said := hl7Run(t, func(t *testing.T, port, file string) *exec.Cmd {
		return exec.CommandContext(t.Context(), python, "hl7v2/send.py", port, file, a.file, cred.cert, cred.key)
	}, port, []string{oruOf("T1", "", "", "140"), oruOf("T2", "AL", "AL", "141")})
	var got []string
	for _, x := range said.Answers {
		got = append(got, x.Code+" "+x.Control)
	}
	if strings.Join(got, ", ") != "AA T1, CA T2, AA T2" {
		t.Errorf("%q", got)
	}
	if status, body := g.ask(t, "/api/patients/PEERT1/results", ""); status != 200 || !strings.Contains(string(body), "140") {
		t.Errorf("%d %s", status, body)
	}
}
