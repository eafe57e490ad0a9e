package access

import (
	"context"
	"errors"
	"sync"

	"github.com/halong-gateway/halong"
)

// The User-Identity-Types of PS3.7 table D.3-14.
const (
	IdentityName     uint8 = 1
	IdentityPasscode uint8 = 2
	IdentityKerberos uint8 = 3
	IdentitySAML     uint8 = 4
	IdentityJWT      uint8 = 5
)

// Claim is who a peer says that it is (PS3.7 D.3.3.7.1), and where it says so. Primary and Secondary are secrets.
type Claim struct {
	Type               uint8
	Primary, Secondary []byte
	CallingAE          string
	CalledAE           string
	Address            string // IP address without port
}

// Identity is a claim that was found to be true.
type Identity struct {
	Name       string            // of the user, for logs and records
	Facility   halong.Facility   // of what it stores; empty leaves what the peer has
	Facilities []halong.Facility // further ones that it sees
	Response   []byte            // server-response (PS3.7 D.3.3.7.2); empty for a user name
}

// User is one that this gateway knows by name and passcode.
type User struct {
	Passcode Passcode
	Identity Identity // with its name
}

// Verifier checks assertions that only others can check: Kerberos tickets, SAML assertions, JSON Web Tokens. The error says why
// one was not found true, without its content.
type Verifier interface {
	Verify(ctx context.Context, c *Claim) (*Identity, error)
}

// Identities checks claims (PS3.7 D.3.3.7). It is used by many goroutines at once and must not be changed once it is.
type Identities struct {
	Required bool // nobody comes in without an identity
	Users    []User
	Verifier Verifier // nil for none: assertions count as no identity

	seen remembered
	// turn holds a value while a passcode is hashed, one at a time: whoever knocks often takes one core, not all.
	turn     chan struct{}
	turnOnce sync.Once
}

// The reasons why a claim is refused.
var (
	ErrNoIdentity    = errors.New("no identity, and one is required")
	ErrWrongIdentity = errors.New("unknown user or wrong passcode")
	ErrUnverified    = errors.New("the verifier does not know it")
	ErrUnavailable   = errors.New("the verifier cannot be asked")
)

// Identify checks a claim, nil when the peer made none. Without an error it gives the identity, or nil when there is none
// that this gateway can check: that grants nothing, and is an error where an identity is required. A nil Identities checks none.
func (x *Identities) Identify(ctx context.Context, c *Claim) (*Identity, error) {
	if x == nil {
		return nil, nil
	}
	switch {
	case c != nil && c.Type == IdentityPasscode && len(x.Users) > 0:
		return x.user(ctx, string(c.Primary), c.Secondary)
	case c != nil && c.Type >= IdentityKerberos && x.Verifier != nil:
		return x.Verifier.Verify(ctx, c)
	case x.Required:
		return nil, ErrNoIdentity
	}
	return nil, nil
}

// user checks a name and its passcode. An unknown name takes as long as a wrong passcode.
func (x *Identities) user(ctx context.Context, name string, secret []byte) (*Identity, error) {
	at, known := 0, false
	for i := range x.Users {
		if x.Users[i].Identity.Name == name {
			at, known = i, true
		}
	}
	u := &x.Users[at]
	digest, err := x.seen.digest([]byte(name), secret)
	if err != nil {
		return nil, err
	}
	if known && x.seen.knows(name, digest) {
		return &u.Identity, nil
	}
	x.turnOnce.Do(func() { x.turn = make(chan struct{}, 1) })
	select {
	case x.turn <- struct{}{}:
		defer func() { <-x.turn }()
	case <-ctx.Done():
		return nil, ctx.Err() // it was not our turn in time
	}
	if right := u.Passcode.matches(secret); !right || !known {
		return nil, ErrWrongIdentity
	}
	x.seen.learn(name, digest)
	return &u.Identity, nil
}
