package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

// Sum is the SHA-256 of a bearer token (RFC 6750). Configuration and memory hold
// only sums, so that neither a stolen configuration nor a dump of memory lets anybody in.
type Sum [sha256.Size]byte

// SumOf gives the sum of a token's text.
func SumOf(token string) Sum { return sha256.Sum256([]byte(token)) }

// ParseSum reads 64 hexadecimal digits, with or without "sha256:" before them.
func ParseSum(s string) (sum Sum, err error) {
	h := strings.TrimPrefix(strings.TrimSpace(s), "sha256:")
	if len(h) != 2*len(sum) {
		return sum, errors.New("not the SHA-256 of a token: want 64 hexadecimal digits (make one with `halong token`)")
	}
	if _, err := hex.Decode(sum[:], []byte(h)); err != nil {
		return Sum{}, errors.New("not the SHA-256 of a token: " + err.Error())
	}
	return sum, nil
}

// Token lets its bearer in as a principal.
type Token struct {
	Sum       Sum
	Principal Principal
}

// Tokens is the list of tokens that are let in.
type Tokens []Token

// Authenticate finds the principal of a bearer token. Its time depends on the
// length of the list alone, not on the token.
func (ts Tokens) Authenticate(token string) (Principal, bool) {
	sum, found := SumOf(token), -1
	for i := range ts {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], ts[i].Sum[:]), i, found)
	}
	if found < 0 {
		return Principal{}, false
	}
	return ts[found].Principal, true
}

// Bearer takes the token out of an Authorization header (RFC 6750 2.1; the
// scheme's case does not matter, RFC 9110 11.1).
func Bearer(header string) (string, bool) {
	const scheme = "bearer "
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	token := strings.TrimSpace(header[len(scheme):])
	return token, token != ""
}
