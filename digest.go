package halong

import (
	"encoding/hex"
	"strings"
)

// Digest is a SHA-256, the address of a blob or of an instance's manifest. The
// zero Digest stands for "none".
type Digest [32]byte

const digestPrefix = "sha256:"

// String gives "sha256:" and 64 lower-case hexadecimal digits.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// IsZero tells whether d is no digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads what String writes. The error is of kind Invalid.
func ParseDigest(s string) (d Digest, err error) {
	h, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(h) != 2*len(d) {
		return d, E("halong.ParseDigest", Invalid, "", nil)
	}
	if _, err := hex.Decode(d[:], []byte(h)); err != nil {
		return Digest{}, E("halong.ParseDigest", Invalid, "", err)
	}
	return d, nil
}
