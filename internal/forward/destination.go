package forward

import (
	"time"

	"github.com/halong-gateway/halong/hl7v2"
)

// Destination is where objects or messages are sent to, and how.
type Destination struct {
	Name      string
	Transport Transport
	Edit      Edit // what is changed before an object is sent; nil: nothing, the stored bytes go

	// Transform makes of a message what is sent; nil: nothing is changed. Its error makes the entry dead.
	Transform func(*hl7v2.Message) (*hl7v2.Message, error)
	// InOrder sends one entry after the other, as they came into the ledger: none overtakes one that failed and is to be tried
	// again. It is so for messages; then Concurrency is 1.
	InOrder bool

	Concurrency int      // senders at work at once; default 2
	Bandwidth   int64    // bytes a second of all senders together; 0: no limit
	Schedule    Schedule // when it is sent

	Retry  Backoff
	MaxAge time.Duration // how long an entry is tried again after failures; default 7 days
	Idle   time.Duration // after which an unused connection is ended; default 10 s

	// Commit asks for storage commitment: an entry is done when the destination has taken
	// responsibility. The transport must be able to.
	Commit bool
	// CommitTimeout is how long a report is waited for before it is asked for again; default 10 minutes.
	CommitTimeout time.Duration
	// Reporter is the AE title that reports of storage commitment come from; those of others are not believed.
	Reporter string
}

// What holds for a Destination that does not say.
const (
	DefaultConcurrency = 2
	DefaultRetryMost   = 15 * time.Minute
)

func (d Destination) withDefaults() Destination {
	d.InOrder = d.InOrder || d.Transport != nil && d.Transport.carries() == Message
	if d.InOrder {
		d.Concurrency = 1
	}
	if d.Concurrency <= 0 {
		d.Concurrency = DefaultConcurrency
	}
	for _, x := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&d.Retry.First, 10 * time.Second},
		{&d.Retry.Most, DefaultRetryMost},
		{&d.MaxAge, 7 * 24 * time.Hour},
		{&d.Idle, 10 * time.Second},
		{&d.CommitTimeout, 10 * time.Minute},
	} {
		if *x.value <= 0 {
			*x.value = x.def
		}
	}
	return d
}

// Backoff is how long is waited after failures: twice as long after each, with jitter.
type Backoff struct {
	First time.Duration // after the first failure; default 10 seconds
	Most  time.Duration // default 15 minutes
}

// after gives the pause after so many failures in a row: between half and all of what doubles each time. random gives
// numbers from 0 to below 1.
func (b Backoff) after(failures int, random func() float64) time.Duration {
	d := b.First
	for ; failures > 1 && d < b.Most; failures-- {
		d *= 2
	}
	d = min(d, b.Most)
	return d/2 + time.Duration(random()*float64(d)/2)
}
