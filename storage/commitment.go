package storage

import (
	"context"
	"errors"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Commitment is one request that this archive take responsibility for objects (PS3.4 J).
type Commitment struct {
	ID          int64 // the index's own key; not stable across reindex
	Facility    halong.Facility
	Peer        string    // AE title of who asked
	Transaction dicom.UID // unique for the peer
	Received    time.Time // UTC, microseconds
	Due         time.Time // when it is to be worked on; UTC, microseconds
	Attempts    int       // to report what came of it
	State       CommitmentState
	Items       []CommitmentItem
}

// CommitmentItem is one object that a Commitment is asked for.
type CommitmentItem struct {
	SOPClass    dicom.UID `json:"class"`
	SOPInstance dicom.UID `json:"instance"`
	Reason      uint16    `json:"reason,omitempty"` // Failure Reason (0008,1197), once checked; 0: the object is safe
}

// CommitmentState says how far a Commitment has come.
type CommitmentState uint8

// The states.
const (
	CommitmentAsked   CommitmentState = iota // durable, and nothing more
	CommitmentChecked                        // the objects were read back; the peer does not know yet
	CommitmentDone                           // the peer knows, or cannot be told
)

// CommitmentIndex keeps commitments. Every change is durable when its method returns. They are no facts of the
// archive: they are not in the journal, and a new index has none.
type CommitmentIndex interface {
	// AddCommitment adds a request and fills in its ID. One with the same objects that is known already, by peer,
	// facility and transaction, is that one, asked again if it is done. The error is of kind Conflict when it is known
	// with other objects.
	AddCommitment(ctx context.Context, c *Commitment) error
	// SaveCommitment saves due time, attempts, state and reasons.
	SaveCommitment(ctx context.Context, c *Commitment) error
	// Commitment gives one; an error of kind NotExist when it is not there.
	Commitment(ctx context.Context, id int64) (*Commitment, error)
	// OpenCommitments gives those that are not done, the oldest first, without their items.
	OpenCommitments(ctx context.Context) ([]Commitment, error)
	// ForgetCommitments removes what was received before a time.
	ForgetCommitments(ctx context.Context, before time.Time) error
	// Locate finds instances of a facility by SOP Instance UID alone; of several of the same UID the one in the newest
	// series. Those that are not there are left out.
	Locate(ctx context.Context, f halong.Facility, sops []dicom.UID) (map[dicom.UID]Identity, error)
}

// errTorn says that an object is not whole.
var errTorn = errors.New("the object was cut off before it came here")

// Check reads every stored byte of one version of an instance again and compares all digests. It fails, with kind
// Corrupt, when they differ, when bytes are gone, or when the object was torn on arrival.
func (a *Archive) Check(ctx context.Context, in *Instance) error {
	if err := ctx.Err(); err != nil {
		return halong.E("storage.Check", halong.Transient, in.Digest.String(), err)
	}
	if in.Torn > 0 {
		return halong.E("storage.Check", halong.Corrupt, in.Digest.String(), errTorn)
	}
	if in.Manifest.Digest() != in.Digest {
		return corrupt(in.Digest)
	}
	v := verifier{archive: a, good: map[halong.Digest]bool{}}
	return v.object(&in.Manifest, in.Head)
}
