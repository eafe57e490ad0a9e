package forward

import (
	"context"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Kind says what an item is. The numbers are on disk.
type Kind uint8

// The kinds.
const (
	Instance Kind = 1 // a version of a SOP Instance
	Message  Kind = 2 // a HL7v2 message, as it was received or built from what the event tells
)

// Item names what is sent: one version of a SOP Instance, or a message.
type Item struct {
	Kind     Kind // 0 is Instance
	Facility halong.Facility

	Study, Series, SOP dicom.UID     // of an Instance
	Class              dicom.UID     // SOP Class UID
	Digest             halong.Digest // of the manifest

	Ref  string // of a Message: "message 12", "report 34", "order 56"
	Type string // of a Message: the type of the message or event that it comes from, "ORU^R01"
}

// name is how logs call an item.
func (it *Item) name() string {
	if it.Kind == Message {
		return it.Ref
	}
	return it.SOP.Loggable()
}

// State says how far an entry has come. The numbers are on disk.
type State uint8

// The states.
const (
	Waiting    State = 1 // to be sent when due
	Sending    State = 2 // leased by a sender
	Committing State = 3 // sent; the destination was, or will be, asked for storage commitment
	Done       State = 4
	Dead       State = 5 // given up, with a reason
	Gone       State = 6 // deleted here before it was sent
)

var stateNames = [...]string{"", "waiting", "sending", "committing", "done", "dead", "gone"}

// States gives all states in their order.
func States() []State { return []State{Waiting, Sending, Committing, Done, Dead, Gone} }

// String gives the state's name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// ParseState reads a state's name.
func ParseState(name string) (State, bool) {
	for _, s := range States() {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

// Entry is one line of the ledger. Times are UTC, microseconds.
type Entry struct {
	Item
	ID          int64
	Destination string
	Event       uint64 // that it came from
	State       State
	Attempts    int       // begun since Queued
	Entered     time.Time // when it came into the ledger
	Queued      time.Time // when it was last made to wait by an event or an operator; its age counts from here
	Due         time.Time // of a waiting entry when it is to be sent, of a leased one when the lease ends
	Changed     time.Time // when State was set
	SentAs      dicom.UID // SOP Instance UID that it was last sent under, if another
	Reason      string    // of the state, or of the last failure; no patient data
}

// Result is what came of an entry that was leased.
type Result struct {
	ID     int64
	State  State     // Waiting, Committing, Done, Dead or Gone
	Due    time.Time // of a waiting one
	SentAs dicom.UID
	Reason string
	// Untried says that nothing was begun with the entry: the attempt does not count.
	Untried bool
}

// Standing is what the ledger knows of the whole.
type Standing struct {
	Cursor uint64 // number of the last event that became entries, or none
	Held   string // why forwarding waits for an operator's decision; empty if it does not
}

// Account is the ledger's sum for one destination. Entered is the sum of the
// others.
type Account struct {
	Destination string
	Active      bool   // the configuration names it
	Paused      string // why; empty if it is not
	Resumed     time.Time
	Entered     int64
	Count       map[State]int64
	Oldest      time.Time // since when the oldest entry that has not ended is queued; zero if there is none
	Due         time.Time // when the next one is due; zero if none waits
}

// Selection says which entries are meant. Zero fields mean all.
type Selection struct {
	Destination string
	States      []State
	Study       dicom.UID
	Ref         string    // of a message: "message 12"
	From, Until time.Time // by Entered: not before, before
	Entries     []int64   // for a retry: these of the destination alone; nil: any
}

// Ledger keeps the entries. A change is durable when its method, or the transaction, has returned. now is stamped on what changes.
type Ledger interface {
	halong.Updater
	// EventsSince gives committed events with a number greater than seq, at most limit.
	EventsSince(ctx context.Context, seq uint64, limit int) ([]halong.Event, error)
	// EventRuns gives the numbers of the events with which runs begin, in order: from one to the next no event is more than RunSlack earlier than one before it. Of
	// events before the first nothing is known.
	EventRuns(ctx context.Context) ([]uint64, error)
	// LastEvent gives the number of the last committed event, 0 if there is none.
	LastEvent(ctx context.Context) (uint64, error)

	// OpenForwarding begins the work of a process with the destinations given: further ones are no more
	// active. A new destination takes no notice of events there are. Leases of another process are over. When the ledger is new, its cursor is
	// put at the last event and began is called in the transaction.
	OpenForwarding(ctx context.Context, names []string, now time.Time, began func(halong.Tx) error) (Standing, error)
	// ForwardingStanding tells where it stands.
	ForwardingStanding(ctx context.Context) (Standing, error)
	// CloseForwarding forgets the cursor: nothing is forwarded any more by configuration.
	CloseForwarding(ctx context.Context) error
	// HoldForwarding makes forwarding wait for an operator's decision.
	HoldForwarding(tx halong.Tx, reason string) error
	// ReleaseForwarding ends that, with the cursor at an event, and calls began in the transaction.
	ReleaseForwarding(ctx context.Context, cursor uint64, now time.Time, began func(halong.Tx) error) error

	// AdvanceForwarding moves the cursor; of kind Conflict when it is not at from.
	AdvanceForwarding(tx halong.Tx, from, to uint64) error
	// EnterDelivery adds an entry for an event unless there is one, and tells whether it did. Events that the
	// destination takes no notice of give none, unless again is set; then an entry that has ended in one of the states given waits again too.
	EnterDelivery(tx halong.Tx, destination string, event uint64, it *Item, now time.Time, again []State) (bool, error)

	// LeaseDeliveries gives entries of a destination that are due, the longest due first, and marks them as Sending
	// until a time. Entries whose lease is over are due.
	LeaseDeliveries(ctx context.Context, destination string, now, until time.Time, limit int) ([]Entry, error)
	// NextDelivery tells when the next entry of a destination is due; zero if none waits.
	NextDelivery(ctx context.Context, destination string) (time.Time, error)
	// LeaseInOrder is LeaseDeliveries for destinations that get their entries in the order of the ledger: none that comes after one
	// that is not due, or is being sent.
	LeaseInOrder(ctx context.Context, destination string, now, until time.Time, limit int) ([]Entry, error)
	// NextInOrder is NextDelivery for them: when the first that has not ended is due.
	NextInOrder(ctx context.Context, destination string) (time.Time, error)
	// EndDeliveries writes down what came of leased entries. An entry that is leased no more is left alone, unless it is dead, and was sent all the same.
	EndDeliveries(ctx context.Context, now time.Time, results []Result) error
	// ExpireDeliveries makes waiting entries dead that were queued before a time.
	ExpireDeliveries(ctx context.Context, destination string, before, now time.Time, reason string) (int, error)

	// DeliveryAccounts gives the sums of all destinations that ever had an entry or are active, by name.
	DeliveryAccounts(ctx context.Context) ([]Account, error)
	// Deliveries gives entries in order of ID, from the first after the one given, at most limit.
	Deliveries(ctx context.Context, s Selection, after int64, limit int) ([]Entry, error)
	// RetryDeliveries makes entries that have ended, or wait, due now; those that are gone or done only when States names it. It tells how many.
	// Where the selection names entries, it is all of them or none: the error is of kind NotExist for what is no entry of the destination, Conflict for one in another state.
	RetryDeliveries(ctx context.Context, s Selection, now time.Time) (int, error)
	// DropDeliveries makes entries of a destination dead that have not ended, all or none of them, and tells how many. What was said of each before follows the
	// reason. Those that are being sent are given; EndDeliveries may tell later that they were sent. The error is of kind NotExist for what
	// is no entry of the destination, Conflict for one that has ended.
	DropDeliveries(ctx context.Context, destination string, ids []int64, reason string, now time.Time) (n int, sending []int64, err error)
	// FirstDelivery gives the entry that the others of a destination wait for: the first message that has not ended; of
	// objects, which wait for none, the one that is queued longest. nil if there is none.
	FirstDelivery(ctx context.Context, destination string) (*Entry, error)
	// PauseDestination keeps entries from being leased; an empty reason ends that.
	PauseDestination(ctx context.Context, name, reason string, now time.Time) error
	// ForgetDeliveries removes entries that were done, or gone, before a time; the sums keep them.
	ForgetDeliveries(ctx context.Context, before time.Time) (int, error)

	Commitments
}

// Commitment is one request for storage commitment that was, or is to be, sent (PS3.4 J).
type Commitment struct {
	ID          int64
	Destination string
	Transaction dicom.UID
	Asked       time.Time // first
	Due         time.Time // when it is to be asked again
	Attempts    int
}

// Commitments keeps what was asked for.
type Commitments interface {
	// AskCommitment makes a request of entries of a destination that are Committing and belong to none, at most
	// limit; nil when there are none.
	AskCommitment(ctx context.Context, destination string, transaction dicom.UID, now, due time.Time, limit int) (*Commitment, error)
	// SaveCommitmentAsked saves transaction, due time and attempts.
	SaveCommitmentAsked(ctx context.Context, c *Commitment) error
	// CommitmentsDue gives requests of a destination that were to be answered before a time, the longest due first.
	CommitmentsDue(ctx context.Context, destination string, now time.Time) ([]Commitment, error)
	// CommitmentEntries gives the entries of a request.
	CommitmentEntries(ctx context.Context, id int64) ([]Entry, error)
	// CommitmentOf finds a request by its transaction; false if there is none.
	CommitmentOf(ctx context.Context, transaction dicom.UID) (Commitment, bool, error)
	// EndCommitment writes down what came of a request's entries, and removes it.
	EndCommitment(ctx context.Context, id int64, now time.Time, results []Result) error
}
