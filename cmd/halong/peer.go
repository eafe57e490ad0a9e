package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/scu"
)

// targetFlags name a peer, and how it is talked to.
type targetFlags struct {
	Address string        `arg:"" help:"HOST:PORT of the Application Entity."`
	Call    string        `help:"Its AE title." default:"ANY-SCP"`
	AE      string        `name:"ae" help:"Our AE title." default:"HALONG" env:"HALONG_AE"`
	Timeout time.Duration `help:"Longest silence of the peer (default: 1m within a message, 5m for an answer)." placeholder:"DURATION"`
	JSON    bool          `help:"JSON, an object a line, instead of text."`
	tlsFlags
	identityFlags
}

// tlsFlags are those of TLS.
type tlsFlags struct {
	TLS         bool   `name:"tls" help:"TLS 1.2 or later (BCP 195)." group:"TLS"`
	CA          string `name:"ca" help:"PEM file of the authority of the peer's certificate (default: those of this machine)." type:"path" group:"TLS" placeholder:"FILE"`
	Cert        string `help:"PEM file of the certificate to show." type:"path" group:"TLS" placeholder:"FILE"`
	Key         string `help:"PEM file of its key." type:"path" group:"TLS" placeholder:"FILE"`
	ServerName  string `help:"Name in the peer's certificate, if that is not HOST." group:"TLS" placeholder:"NAME"`
	TLSInsecure bool   `name:"tls-insecure" help:"Take any certificate. Whoever answers gets everything." group:"TLS"`
}

// identityFlags are those of User Identity Negotiation (PS3.7 D.3.3.7).
type identityFlags struct {
	User     string `help:"User name." group:"User identity" placeholder:"NAME"`
	Passcode string `help:"Passcode of the user; better given in the environment." env:"HALONG_PASSCODE" group:"User identity" placeholder:"TEXT"`
	JWT      string `name:"jwt" help:"File with a JSON Web Token." type:"existingfile" group:"User identity" placeholder:"FILE"`
}

func (t *targetFlags) target(e *env) (scu.Target, error) {
	if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return scu.Target{}, usage{fmt.Errorf("%s: want HOST:PORT", t.Address)}
	}
	for _, ae := range []string{t.Call, t.AE} {
		if _, err := dicom.ParseAETitle(ae); err != nil {
			return scu.Target{}, usage{fmt.Errorf("%q: %w", ae, err)}
		}
	}
	out := scu.Target{
		Address: t.Address, CalledAE: t.Call, CallingAE: t.AE,
		Timeouts: dimse.Timeouts{Network: t.Timeout, Response: t.Timeout},
		Notice:   func(text string) { fmt.Fprintln(e.stderr, "halong:", text) },
	}
	var err error
	if out.Identity, err = t.identity(); err == nil {
		err = t.transport(e, &out)
	}
	return out, err
}

// identity gives what is negotiated; nil for nothing.
func (f *identityFlags) identity() (*pdu.UserIdentity, error) {
	id := &pdu.UserIdentity{ResponseWanted: true}
	switch {
	case f.JWT != "" && f.User != "":
		return nil, usage{errors.New("--jwt and --user exclude one another")}
	case f.JWT != "":
		b, err := os.ReadFile(f.JWT)
		if err != nil {
			return nil, err
		}
		id.Type, id.Primary = identityJWT, bytes.TrimSpace(b)
	case f.User != "" && f.Passcode != "":
		id.Type, id.Primary, id.Secondary = identityPasscode, []byte(f.User), []byte(f.Passcode)
	case f.User != "":
		id.Type, id.Primary = identityName, []byte(f.User)
	default:
		return nil, nil
	}
	return id, nil
}

// User Identity types (PS3.7 table D.3-14).
const (
	identityName     = 1
	identityPasscode = 2
	identityJWT      = 5
)

// destination gives the flags as a destination of the configuration.
func (f *tlsFlags) destination() config.Destination {
	return config.Destination{TLS: f.TLS, CA: f.CA, Cert: f.Cert, Key: f.Key, ServerName: f.ServerName}
}

// check refuses flags that would be of no effect: what is meant for TLS is not sent in clear.
func (f *tlsFlags) check() error {
	switch {
	case !f.TLS && (f.CA != "" || f.Cert != "" || f.ServerName != "" || f.TLSInsecure):
		return usage{errors.New("--ca, --cert, --server-name and --tls-insecure need --tls")}
	case (f.Cert == "") != (f.Key == ""):
		return usage{errors.New("--cert and --key go together")}
	}
	return nil
}

// transport sets how connections are opened.
func (f *tlsFlags) transport(e *env, t *scu.Target) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	if !f.TLSInsecure {
		t.Dial, err = app.NewDial(f.destination(), log)
		return err
	}
	t.Notice("WARNING: --tls-insecure: the peer's certificate is not verified; whoever answers gets everything that is sent")
	t.Dial, err = app.NewUnverifiedDial(f.destination(), log)
	return err
}

// line prints a value as one line of JSON.
func (e *env) line(v any) error { return json.NewEncoder(e.stdout).Encode(v) }

type echoCmd struct{ targetFlags }

// Run sends a C-ECHO.
func (x *echoCmd) Run(e *env) error {
	t, err := x.target(e)
	if err != nil {
		return err
	}
	took, err := scu.Echo(e.ctx, t)
	if err != nil {
		return err
	}
	if x.JSON {
		return e.line(struct {
			AE           string  `json:"ae"`
			Milliseconds float64 `json:"milliseconds"`
		}{x.Call, float64(took.Microseconds()) / 1000})
	}
	e.printf("%s answers, in %s\n", x.Call, took.Round(10*time.Microsecond))
	return nil
}
