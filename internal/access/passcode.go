package access

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// What a Passcode may look like. Fewer iterations are guessed too easily once the configuration is stolen; more cost
// whoever knocks at the door too much of this machine's time.
const (
	passcodeScheme     = "pbkdf2-sha256"
	minIterations      = 100_000
	maxIterations      = 10_000_000
	defaultIterations  = 600_000
	minSalt, maxSalt   = 8, 64
	passcodeSaltLength = 16
)

// Passcode is what is kept of a secret: PBKDF2 with HMAC-SHA-256 (RFC 8018 5.2) over a salt of its own.
type Passcode struct {
	iterations int
	salt       []byte
	hash       []byte
}

// NewPasscode hashes a secret with a fresh salt.
func NewPasscode(secret []byte) (Passcode, error) {
	p := Passcode{iterations: defaultIterations, salt: make([]byte, passcodeSaltLength)}
	if _, err := rand.Read(p.salt); err != nil {
		return Passcode{}, err
	}
	var err error
	p.hash, err = p.derive(secret)
	return p, err
}

// ParsePasscode reads "pbkdf2-sha256$iterations$salt$hash", salt and hash in base64 without padding.
func ParsePasscode(s string) (p Passcode, err error) {
	bad := func(why string) (Passcode, error) {
		return Passcode{}, errors.New("not a passcode as `halong passcode` prints it: " + why)
	}
	parts := strings.Split(s, "$")
	if len(parts) != 4 || parts[0] != passcodeScheme {
		return bad("want " + passcodeScheme + "$iterations$salt$hash")
	}
	p.iterations, err = strconv.Atoi(parts[1])
	if err != nil || p.iterations < minIterations || p.iterations > maxIterations {
		return bad(fmt.Sprintf("iterations must be from %d to %d", minIterations, maxIterations))
	}
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[2]); err != nil || len(p.salt) < minSalt || len(p.salt) > maxSalt {
		return bad("the salt is no base64 of 8 to 64 bytes")
	}
	if p.hash, err = base64.RawStdEncoding.DecodeString(parts[3]); err != nil || len(p.hash) != sha256.Size {
		return bad("the hash is no base64 of 32 bytes")
	}
	return p, nil
}

// String writes what ParsePasscode reads.
func (p Passcode) String() string {
	e := base64.RawStdEncoding
	return fmt.Sprintf("%s$%d$%s$%s", passcodeScheme, p.iterations, e.EncodeToString(p.salt), e.EncodeToString(p.hash))
}

func (p Passcode) derive(secret []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, string(secret), p.salt, p.iterations, sha256.Size)
}

// matches tells whether secret is the one that was hashed.
func (p Passcode) matches(secret []byte) bool {
	h, err := p.derive(secret)
	return err == nil && subtle.ConstantTimeCompare(h, p.hash) == 1
}

// remembered is a keyed digest of the last right passcode of each user, so that a modality that opens an Association for every
// object does not pay for PBKDF2 each time. The key never leaves the process.
type remembered struct {
	once sync.Once
	key  [sha256.Size]byte
	err  error
	mu   sync.Mutex
	last map[string][]byte
}

func (r *remembered) digest(name, secret []byte) ([]byte, error) {
	r.once.Do(func() { _, r.err = rand.Read(r.key[:]) })
	if r.err != nil {
		return nil, r.err
	}
	m := hmac.New(sha256.New, r.key[:])
	inner := sha256.Sum256(name)
	m.Write(inner[:])
	m.Write(secret)
	return m.Sum(nil), nil
}

func (r *remembered) knows(name string, digest []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return subtle.ConstantTimeCompare(r.last[name], digest) == 1
}

func (r *remembered) learn(name string, digest []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string][]byte{}
	}
	r.last[name] = digest
}
