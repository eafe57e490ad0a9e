package dicomweb

import (
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/worklist/ups"
)

// Config says what to serve and how. Archive and Scope must be set; zero values
// of the others mean the defaults.
type Config struct {
	Archive Archive
	// Scope tells what the caller may see and into which facility its objects go.
	Scope func(echo.Context) (halong.Scope, halong.Facility, error)
	// Peer names the caller in the source of what it stores; default: no name.
	Peer func(echo.Context) string

	Base      string // path of the group given to Register, as clients see it; default "/dicom-web"
	PublicURL string // scheme, host and path prefix of all URLs given out; default: those of the request
	// Proxy tells whether an address is that of a reverse proxy whose Forwarded and X-Forwarded- headers are believed; nil: none is.
	Proxy       func(netip.Addr) bool
	RelativeURI bool     // BulkDataURI without scheme and host (PS3.18 F.2.7 allows both)
	Origins     []string // web origins that may read answers, "*" for all (not with credentials); default none

	EmptyNoContent bool // an empty search is answered 204 as before CP-2473; default 200 and []
	Fuzzy          bool // the archive knows fuzzy matching of person names
	MaxResults     int  // rows of one search; default 20,000
	MaxHeads       int  // objects opened in one search for attributes that are not indexed; default 1,000

	// Documents is the memory in bytes for answers that are kept ready (metadata, searches in a study); default 64 MiB, negative
	// for none.
	Documents int64
	// Frames is the memory in bytes for frames that cost work to make (see frameCache); default 64 MiB, negative for none.
	Frames int64
	// Ready keeps the metadata of series on disk; nil: they are not.
	Ready *Ready

	Limits  multipart.Limits // of one STOW-RS request
	MaxBody int64            // bytes of one STOW-RS request; default no limit
	// Metadata is the memory in bytes for decoding metadata of STOW-RS requests, all of them together; default 256 MiB.
	Metadata int64
	Spool    string // folder for temporary files of STOW-RS requests; default that of the system

	// Deletions serves DELETE; nil: there is none.
	Deletions   Deletions
	Rights      func(echo.Context) (deletes, purges bool) // what the caller may do; default: nothing
	NeedsReason bool                                      // nothing is deleted without a code or a text

	// Workitems serves the Worklist Service (UPS-RS); nil: there is none.
	Workitems *ups.Service
	// Page tells whether pages of an origin may open event channels, beside those listed by name in Origins and our own; nil: none may.
	Page func(origin string) bool

	RetryAfter time.Duration     // told with 503; default 5 s
	Observe    func(Observation) // called once for each request, after its answer
}

// Observation is what happened to one request, for logs and metrics. It holds no patient data.
type Observation struct {
	Operation string // "store", "search", "retrieve", "metadata", "frames", "bulkdata"
	Status    int
	Duration  time.Duration
	Stored    int   // SOP Instances stored by a store
	Failed    int   // parts that were not
	Err       error // why it failed; nil else
}

func (c Config) withDefaults() Config {
	if c.Base == "" {
		c.Base = "/dicom-web"
	}
	if c.MaxResults <= 0 {
		c.MaxResults = 20_000
	}
	if c.MaxHeads <= 0 {
		c.MaxHeads = 1_000
	}
	if c.Documents == 0 {
		c.Documents = 64 << 20
	}
	if c.Frames == 0 {
		c.Frames = 64 << 20
	}
	if c.Metadata <= 0 {
		c.Metadata = 256 << 20
	}
	if c.RetryAfter <= 0 {
		c.RetryAfter = 5 * time.Second
	}
	if c.Peer == nil {
		c.Peer = func(echo.Context) string { return "" }
	}
	if c.Rights == nil {
		c.Rights = func(echo.Context) (bool, bool) { return false, false }
	}
	if c.Observe == nil {
		c.Observe = func(Observation) {}
	}
	return c
}
