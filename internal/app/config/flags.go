package config

import (
	"fmt"

	"github.com/halong-gateway/halong"
)

// Flags are the flags of the command line and their environment variables. Each
// is a pointer, nil when neither was given, and lies over the file.
type Flags struct {
	Config           string   `help:"Configuration file (YAML)." env:"HALONG_CONFIG" type:"path" placeholder:"halong.yaml"`
	Data             *string  `help:"Data folder (key data; default ./halong-data)." env:"HALONG_DATA" placeholder:"DIR"`
	AE               *string  `name:"ae" help:"Our AE title (key ae; default HALONG)." env:"HALONG_AE"`
	Facility         *string  `help:"Facility of what no rule gives to another (key facility; default 'default')." env:"HALONG_FACILITY"`
	DICOM            *string  `name:"dicom" help:"DICOM listener, or off (key dicom.listen; default 127.0.0.1:11112)." env:"HALONG_DICOM" placeholder:"HOST:PORT"`
	DICOMTLS         *string  `name:"dicom-tls" help:"Listener for DICOM over TLS, or off (key dicom.tls.listen; default off)." env:"HALONG_DICOM_TLS" placeholder:"HOST:PORT"`
	DICOMCert        *string  `name:"dicom-cert" help:"TLS certificate for DICOM, PEM (key dicom.tls.cert)." env:"HALONG_DICOM_CERT" placeholder:"FILE"`
	DICOMKey         *string  `name:"dicom-key" help:"Its private key, PEM (key dicom.tls.key)." env:"HALONG_DICOM_KEY" placeholder:"FILE"`
	DICOMClient      *string  `name:"dicom-client-ca" help:"CA of DICOM peers' certificates, PEM (key dicom.tls.client_ca)." env:"HALONG_DICOM_CLIENT_CA" placeholder:"FILE"`
	DICOMPromiscuous *bool    `name:"dicom-promiscuous" help:"Let DICOM peers store that are not listed (key dicom.promiscuous)." env:"HALONG_DICOM_PROMISCUOUS"`
	HTTP             *string  `name:"http" help:"HTTP listener (key http.listen; default 127.0.0.1:8080)." env:"HALONG_HTTP" placeholder:"HOST:PORT"`
	HL7TLS           *string  `name:"hl7-tls" help:"Listener for MLLP over TLS, or off (key hl7.tls.listen; default off)." env:"HALONG_HL7_TLS" placeholder:"HOST:PORT"`
	HL7Cert          *string  `name:"hl7-cert" help:"TLS certificate for MLLP, PEM (key hl7.tls.cert)." env:"HALONG_HL7_CERT" placeholder:"FILE"`
	HL7Key           *string  `name:"hl7-key" help:"TLS private key for MLLP, PEM (key hl7.tls.key)." env:"HALONG_HL7_KEY" placeholder:"FILE"`
	HL7Client        *string  `name:"hl7-client-ca" help:"Authority of the certificates that MLLP peers must show, PEM (key hl7.tls.client_ca)." env:"HALONG_HL7_CLIENT_CA" placeholder:"FILE"`
	HL7              *string  `name:"hl7" help:"MLLP listener, or off (key hl7.listen; default 127.0.0.1:2575)." env:"HALONG_HL7" placeholder:"HOST:PORT"`
	Index            *string  `help:"Index: sqlite (key storage.index)." env:"HALONG_INDEX"`
	Blobs            *string  `help:"Blob store: disk (key storage.blobs)." env:"HALONG_BLOBS"`
	HTTPTokens       []string `name:"http-tokens" help:"SHA-256 of bearer tokens (key http.tokens)." env:"HALONG_HTTP_TOKENS" placeholder:"HEX"`
	HTTPCert         *string  `name:"http-cert" help:"TLS certificate, PEM (key http.tls.cert)." env:"HALONG_HTTP_CERT" placeholder:"FILE"`
	HTTPKey          *string  `name:"http-key" help:"TLS private key, PEM (key http.tls.key)." env:"HALONG_HTTP_KEY" placeholder:"FILE"`
	HTTPClient       *string  `name:"http-client-ca" help:"CA of client certificates, PEM (key http.tls.client_ca)." env:"HALONG_HTTP_CLIENT_CA" placeholder:"FILE"`
	HTTPBase         *string  `name:"http-base" help:"Path before every route (key http.base; default /)." env:"HALONG_HTTP_BASE"`
	Insecure         *bool    `help:"Listen beyond loopback without allow-lists or tokens (key insecure)." env:"HALONG_INSECURE"`
	Drain            *string  `help:"How long a stop waits for running work (key drain; default 20s)." env:"HALONG_DRAIN" placeholder:"20s"`
	LogFormat        *string  `help:"text or json (key log.format)." env:"HALONG_LOG_FORMAT"`
	LogLevel         *string  `help:"debug, info, warn or error (key log.level)." env:"HALONG_LOG_LEVEL"`
}

// Resolve loads the file if one is named, lays flags and environment over it
// and checks the whole.
func (f *Flags) Resolve() (*Config, error) {
	c := Default()
	var at lines
	if f.Config != "" {
		var err error
		if c, at, err = load(f.Config); err != nil {
			return nil, err
		}
	}
	if err := f.apply(c, at); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		at.locate(err)
		if at != nil {
			return nil, fmt.Errorf("configuration %s:\n%w", f.Config, err)
		}
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return c, nil
}

func (f *Flags) apply(c *Config, at lines) error {
	for _, s := range []struct {
		key  string
		from *string
		to   *string
	}{
		{"data", f.Data, &c.Data},
		{"ae", f.AE, &c.AE},
		{"dicom.listen", f.DICOM, &c.DICOM.Listen},
		{"dicom.tls.listen", f.DICOMTLS, &c.DICOM.TLS.Listen},
		{"dicom.tls.cert", f.DICOMCert, &c.DICOM.TLS.Cert},
		{"dicom.tls.key", f.DICOMKey, &c.DICOM.TLS.Key},
		{"dicom.tls.client_ca", f.DICOMClient, &c.DICOM.TLS.ClientCA},
		{"http.listen", f.HTTP, &c.HTTP.Listen},
		{"hl7.listen", f.HL7, &c.HL7.Listen},
		{"hl7.tls.listen", f.HL7TLS, &c.HL7.TLS.Listen},
		{"hl7.tls.cert", f.HL7Cert, &c.HL7.TLS.Cert},
		{"hl7.tls.key", f.HL7Key, &c.HL7.TLS.Key},
		{"hl7.tls.client_ca", f.HL7Client, &c.HL7.TLS.ClientCA},
		{"storage.index", f.Index, &c.Storage.Index},
		{"storage.blobs", f.Blobs, &c.Storage.Blobs},
		{"http.tls.cert", f.HTTPCert, &c.HTTP.TLS.Cert},
		{"http.tls.key", f.HTTPKey, &c.HTTP.TLS.Key},
		{"http.tls.client_ca", f.HTTPClient, &c.HTTP.TLS.ClientCA},
		{"http.base", f.HTTPBase, &c.HTTP.Base},
		{"log.format", f.LogFormat, &c.Log.Format},
		{"log.level", f.LogLevel, &c.Log.Level},
	} {
		if s.from != nil {
			*s.to = *s.from
			at.forget(s.key)
		}
	}
	if f.Facility != nil {
		c.Facility = halong.Facility(*f.Facility)
		at.forget("facility")
	}
	if f.DICOMPromiscuous != nil {
		c.DICOM.Promiscuous = *f.DICOMPromiscuous
		at.forget("dicom.promiscuous")
	}
	if f.Insecure != nil {
		c.Insecure = *f.Insecure
	}
	if f.Drain != nil {
		if err := c.Drain.UnmarshalText([]byte(*f.Drain)); err != nil {
			return fmt.Errorf("configuration: drain: %w", err)
		}
	}
	if len(f.HTTPTokens) > 0 {
		c.HTTP.Tokens = nil
		at.forget("http.tokens")
		for _, sum := range f.HTTPTokens {
			c.HTTP.Tokens = append(c.HTTP.Tokens, Token{SHA256: sum})
		}
	}
	return nil
}
