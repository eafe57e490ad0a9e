package lab

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
)

// ID names a report, or one version of it: the journal record of the message
// and the place of the report in it. A report bears the ID of its first version.
type ID int64

// maxPerMessage bounds the reports of one message, which share the lower bits of an ID.
const maxPerMessage = 1 << 20

// NewID makes the ID of the n-th report, from 0, of a message.
func NewID(seq uint64, n int) ID { return ID(seq)*maxPerMessage + ID(n) }

// Message gives the journal record of the message.
func (id ID) Message() uint64 { return uint64(id / maxPerMessage) }

// place gives the place of the report in the message, from 0.
func (id ID) place() int { return int(id % maxPerMessage) }

// String gives message and place, for instance "4711.0".
func (id ID) String() string {
	var room [32]byte
	b := append(strconv.AppendUint(room[:0], id.Message(), 10), '.')
	return string(strconv.AppendInt(b, int64(id.place()), 10))
}

// MarshalText writes the ID as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what String writes.
func (id *ID) UnmarshalText(b []byte) error {
	seq, n, ok := strings.Cut(string(b), ".")
	s, err1 := strconv.ParseUint(seq, 10, 43)
	i, err2 := strconv.ParseUint(n, 10, 20)
	if !ok || err1 != nil || err2 != nil {
		return halong.E("lab.ID", halong.Invalid, "", errors.New("not a report ID"))
	}
	*id = NewID(s, int(i))
	return nil
}

// Head is what the store keeps of a version beside its content: enough to link
// the next version without reading any content.
type Head struct {
	ID       ID // of this version
	First    ID // of the first version: names the report
	Number   int
	Late     bool  // came too late to be shown; kept in the history
	Patient  int64 // the store's key of the patient; 0: the message named none
	Facility halong.Facility
	Received time.Time // UTC, microseconds
	Status   Status    // of the report
	Sent     string    // Report.Sent
	Link
}

// Link is what later messages find a report by.
type Link struct {
	Service   string // code of OBR-4, or its text if it has no code
	Filler    string // number, and namespace after a vertical bar
	Placer    string
	Accession string
	Observed  string

	replaces string // of a document that takes another one's place: that one's Filler; not stored
}

// Version is a stored version.
type Version struct {
	Head
	Content []byte // the Report as JSON; nil: it is what its message says, which Library reads

	report *Report // set by Library
}
