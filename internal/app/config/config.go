package config

import (
	"time"

	"github.com/halong-gateway/halong"
)

// Config is the whole of halong.yaml.
type Config struct {
	AE         string          `yaml:"ae"`         // our AE title
	Data       string          `yaml:"data"`       // folder of index and blobs
	Facility   halong.Facility `yaml:"facility"`   // what belongs to no rule below
	Facilities []Facility      `yaml:"facilities"` // those that have an AE title of their own
	Insecure   bool            `yaml:"insecure"`   // listen beyond loopback without allow-lists and tokens
	Drain      Duration        `yaml:"drain"`      // how long a stop waits for running work
	Log        Log             `yaml:"log"`
	DICOM      DICOM           `yaml:"dicom"`
	HL7        HL7             `yaml:"hl7"`
	HTTP       HTTP            `yaml:"http"`
	DICOMweb   DICOMweb        `yaml:"dicomweb"`
	Storage    Storage         `yaml:"storage"`
	Forward    Forward         `yaml:"forward"`
	Routes     Routes          `yaml:"routes"` // HL7v2 messages that are sent on
	Lab        Lab             `yaml:"lab"`
	Patients   Patients        `yaml:"patients"`
	Worklist   Worklist        `yaml:"worklist"`
	UPS        UPS             `yaml:"ups"`
	Coerce     []Coercion      `yaml:"coerce"`     // rules that change attributes of what comes or goes
	Deidentify []Project       `yaml:"deidentify"` // projects that get de-identified objects
}

// Log says how and what to log.
type Log struct {
	Format string `yaml:"format"` // text | json
	Level  string `yaml:"level"`  // debug | info | warn | error
}

// HTTP is the listener of DICOMweb, the API and the pages.
type HTTP struct {
	Listen  string   `yaml:"listen"`
	Base    string   `yaml:"base"`    // path before every route
	Origins []string `yaml:"origins"` // web pages of these origins may call (CORS); "*" for all
	Tokens  []Token  `yaml:"tokens"`
	TLS     TLS      `yaml:"tls"`
	Proxies []string `yaml:"proxies"`    // addresses or networks of reverse proxies whose Forwarded headers are believed
	Public  string   `yaml:"public_url"` // scheme, host and path prefix of URLs given out; default: those of the request
	H2C     bool     `yaml:"h2c"`        // HTTP/2 without TLS, for proxies that speak it
	Stall   Duration `yaml:"stall"`      // how long a peer may take nothing of an answer, or send nothing of a body
}

// TLS names certificates (PEM files). With ClientCA clients must show a
// certificate signed by it.
type TLS struct {
	Cert     string   `yaml:"cert"`
	Key      string   `yaml:"key"`
	ClientCA string   `yaml:"client_ca"`
	Clients  []Client `yaml:"clients"` // when given, only these may come in
}

// Client says what the bearer of a client certificate may do. Name is compared
// with the certificate's DNS names, its URIs and its subject's common name.
type Client struct {
	Name       string            `yaml:"name"`
	Facility   halong.Facility   `yaml:"facility"`
	Facilities []halong.Facility `yaml:"facilities"`
	Delete     bool              `yaml:"delete"` // may delete and restore objects of its facility
	Purge      bool              `yaml:"purge"`  // may purge at once what was deleted
}

// Token is a bearer token, known by its SHA-256 alone. In YAML it is 64
// hexadecimal digits, or a mapping with more to say.
type Token struct {
	SHA256     string            `yaml:"sha256"`
	Name       string            `yaml:"name"`
	Facility   halong.Facility   `yaml:"facility"`
	Facilities []halong.Facility `yaml:"facilities"`
	Delete     bool              `yaml:"delete"`
	Purge      bool              `yaml:"purge"`
}

// Storage says where and how objects are kept.
type Storage struct {
	Index    string `yaml:"index"`    // sqlite
	Blobs    string `yaml:"blobs"`    // disk
	Versions string `yaml:"versions"` // first | last | quarantine: which of several versions of a SOP Instance is served
	Budget   Size   `yaml:"budget"`   // memory for objects being received

	PurgeAfter  Duration    `yaml:"purge_after"`  // how long what was deleted can be restored; 0: for ever
	NeedsReason bool        `yaml:"needs_reason"` // DELETE without a code or a text is refused
	Rejections  []Rejection `yaml:"rejections"`   // what is done for rejection notes and deletions with one code
}

// Off is the listening address that stands for none.
const Off = "off"

// Default is the configuration of `halong serve` without any argument.
func Default() *Config {
	return &Config{
		AE:       "HALONG",
		Data:     "./halong-data",
		Facility: halong.DefaultFacility,
		Drain:    Duration(20 * time.Second),
		Log:      Log{Format: "text", Level: "info"},
		DICOM: DICOM{
			Listen: "127.0.0.1:11112", TLS: DICOMTLS{Listen: Off}, UnknownSOPClasses: "accept",
			MaxAssociations: 256, MaxPerPeer: 64, AsyncOperations: 8, Idle: Duration(10 * time.Minute),
			Identity: Identity{Verifier: Verifier{Timeout: Duration(5 * time.Second)}},
		},
		HL7:     defaultHL7(),
		HTTP:    HTTP{Listen: "127.0.0.1:8080", Base: "/", Stall: Duration(time.Minute)},
		Storage: Storage{Index: "sqlite", Blobs: "disk", Versions: "first", Budget: 64 << 20, PurgeAfter: Duration(30 * 24 * time.Hour)},

		DICOMweb: defaultDICOMweb(),
		Patients: Patients{Demographics: "updated"},
		Worklist: defaultWorklist(),
		UPS:      defaultUPS(),
	}
}
