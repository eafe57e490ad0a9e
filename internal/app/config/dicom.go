package config

import (
	"github.com/halong-gateway/halong"
)

// Facility is a facility with an AE title of its own: an Association that calls this title is with it.
type Facility struct {
	Name halong.Facility `yaml:"name"`
	AE   string          `yaml:"ae"`
}

// DICOM is the upper layer's listeners and whom they let in.
type DICOM struct {
	Listen            string   `yaml:"listen"` // host:port; "off" for none
	TLS               DICOMTLS `yaml:"tls"`
	CheckCalledAE     bool     `yaml:"check_called_ae"`
	UnknownSOPClasses string   `yaml:"unknown_sop_classes"` // accept | reject
	MaxAssociations   int      `yaml:"max_associations"`
	MaxPerPeer        int      `yaml:"max_associations_per_peer"`
	AsyncOperations   uint16   `yaml:"async_operations"` // requests that a peer may have under way on one Association
	Idle              Duration `yaml:"idle"`             // an association without a PDU for so long is aborted

	Peers           []DICOMPeer       `yaml:"peers"`
	Promiscuous     bool              `yaml:"promiscuous"`      // who is not in Peers may associate too, and store
	PromiscuousSees []halong.Facility `yaml:"promiscuous_sees"` // what they may query and retrieve; nothing when empty
	Identity        Identity          `yaml:"identity"`
	Destinations    []Destination     `yaml:"destinations"`
}

// DICOMTLS is the listener for DICOM over TLS (PS3.15 B.12), with its certificates (PEM files).
type DICOMTLS struct {
	Listen   string `yaml:"listen"` // host:port; "off" for none
	Cert     string `yaml:"cert"`
	Key      string `yaml:"key"`
	ClientCA string `yaml:"client_ca"`
	// RequireClient refuses peers without a certificate of ClientCA; true unless said otherwise, where ClientCA is given.
	RequireClient *bool `yaml:"require_client"`
}

// Mutual tells whether a peer must show a certificate.
func (t *DICOMTLS) Mutual() bool {
	return t.ClientCA != "" && (t.RequireClient == nil || *t.RequireClient)
}

// DICOMPeer is a line of dicom.peers.
type DICOMPeer struct {
	AE          string            `yaml:"ae"`
	Address     string            `yaml:"address"`     // IP address or network
	Certificate string            `yaml:"certificate"` // a name in it, or sha256: and its fingerprint
	Facility    halong.Facility   `yaml:"facility"`
	Facilities  []halong.Facility `yaml:"facilities"`
}

// Identity says which users may associate (PS3.7 D.3.3.7).
type Identity struct {
	Required bool     `yaml:"required"` // nobody associates without
	Users    []User   `yaml:"users"`
	Verifier Verifier `yaml:"verifier"`
}

// User is one that says a name and a passcode.
type User struct {
	Name       string            `yaml:"name"`
	Passcode   string            `yaml:"passcode"` // as halong passcode prints it
	Facility   halong.Facility   `yaml:"facility"`
	Facilities []halong.Facility `yaml:"facilities"`
}

// Verifier is asked about Kerberos tickets, SAML assertions and JSON Web Tokens.
type Verifier struct {
	URL     string   `yaml:"url"` // https, or http on this machine
	CA      string   `yaml:"ca"`  // authority of its certificate, PEM; those of this machine when empty
	Timeout Duration `yaml:"timeout"`
}

// Destination is an Application Entity that objects are sent to.
type Destination struct {
	AE         string   `yaml:"ae"`
	Address    string   `yaml:"address"` // host:port
	TLS        bool     `yaml:"tls"`
	CA         string   `yaml:"ca"`          // authority of its certificate, PEM; those of this machine when empty
	Cert       string   `yaml:"cert"`        // what we show, PEM
	Key        string   `yaml:"key"`         // to Cert
	ServerName string   `yaml:"server_name"` // name in its certificate, if that is not the host of Address
	Coerce     []string `yaml:"coerce"`      // names of rules that change what is sent there
	Deidentify string   `yaml:"deidentify"`  // project for which what is sent there is de-identified
	User       string   `yaml:"user"`        // User Identity Negotiation: name, and
	Passcode   string   `yaml:"passcode"`    // passcode, as it is
	// AsyncOperations is how many C-STOREs may be outstanding on one Association, where the destination agrees; 1 unless
	// said: some agree and do not keep it.
	AsyncOperations uint16 `yaml:"async_operations"`
}
