package forward

import (
	"context"
	"fmt"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/hl7v2"
)

// Transport is a way to reach a destination: *DIMSE or *STOW for objects, *MLLP or *Post for messages.
type Transport interface {
	carrier() carrier
	carries() Kind
}

// carrier sends with one connection. It is used by one goroutine.
type carrier interface {
	// send sends entries and tells the job of each what came of it. The error says that the
	// destination as a whole cannot be reached, or broke off.
	send(ctx context.Context, j *job) error
	// rest ends the connection, which is not needed for some time.
	rest()
}

// committer is a transport that can be asked for storage commitment (PS3.4 J).
type committer interface {
	// commit asks, and hears reports for a short while.
	commit(ctx context.Context, rq commitment.Request, inbox dimse.Service, reported <-chan struct{}) error
}

// outcome is what came of sending one object.
type outcome struct {
	state   State // Waiting: try again
	reason  string
	sentAs  dicom.UID
	untried bool
}

func dead(format string, args ...any) outcome {
	return outcome{state: Dead, reason: fmt.Sprintf(format, args...)}
}

func again(format string, args ...any) outcome {
	return outcome{state: Waiting, reason: fmt.Sprintf(format, args...)}
}

// carries tells what a transport carries.
func (*DIMSE) carries() Kind { return Instance }

func (*STOW) carries() Kind { return Instance }

func (*MLLP) carries() Kind { return Message }

func (*Post) carries() Kind { return Message }

// unreadable gives the outcome when an object cannot be had from the archive, or not be prepared.
func unreadable(err error) outcome {
	switch halong.KindOf(err) {
	case halong.NotExist:
		return outcome{state: Gone, reason: "deleted here before it was sent"}
	case halong.Transient, halong.Exhausted:
		return again("it cannot be read now: %v", err)
	}
	return dead("it cannot be read or prepared: %v", err)
}

// job is a batch of leased entries on its way.
type job struct {
	entries []Entry
	open    func(ctx context.Context, it *Item) (Object, error)
	message func(ctx context.Context, e *Entry) (*hl7v2.Message, error) // as it is to be sent
	limit   *bucket
	stop    func() bool         // tells that nothing further is to be begun
	dropped func(e *Entry) bool // tells that it was given up since it was leased
	told    []bool
	tell    func(e *Entry, o outcome)
}

// wanted tells whether an entry is still to be sent. One that was given up since it was leased ends untried.
func (j *job) wanted(i int) bool {
	if !j.told[i] && j.dropped(&j.entries[i]) {
		j.end(i, outcome{state: Waiting, untried: true})
	}
	return !j.told[i]
}

// end tells what came of an entry, once.
func (j *job) end(i int, o outcome) {
	if !j.told[i] {
		j.told[i] = true
		j.tell(&j.entries[i], o)
	}
}
