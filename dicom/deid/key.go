package deid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"math/big"
	"strings"

	"github.com/halong-gateway/halong/dicom"
)

// key is a project's secret.
type key []byte

// sum is a keyed hash of a value for a purpose.
func (k key) sum(purpose, value string) []byte {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(value))
	return h.Sum(nil)
}

// Identifiers made here are 10 bytes that depend on what they stand for and 6 that depend on
// those: so a project knows its own, and leaves them as they are when an object comes by again.
const (
	idBytes    = 10
	checkBytes = 6
)

func (k key) sealed(id []byte) []byte {
	return append(id[:idBytes:idBytes], k.sum("check", string(id[:idBytes]))[:checkBytes]...)
}

func (k key) own(b []byte) bool {
	return len(b) == idBytes+checkBytes && hmac.Equal(k.sealed(b), b)
}

const uuidRoot = "2.25."

// uid gives the UID that stands for u: a UUID of version 8 (PS3.5 B.2, RFC 9562 5.8).
func (k key) uid(u dicom.UID) dicom.UID {
	if k.ownUID(u) {
		return u
	}
	id := k.sum("uid", string(u))[:idBytes]
	id[6] = id[6]&0x0F | 0x80
	id[8] = id[8]&0x3F | 0x80
	return dicom.UID(uuidRoot + new(big.Int).SetBytes(k.sealed(id)).String())
}

func (k key) ownUID(u dicom.UID) bool {
	digits, ok := strings.CutPrefix(string(u), uuidRoot)
	n, isNumber := new(big.Int).SetString(digits, 10)
	if !ok || !isNumber || n.Sign() < 0 || n.BitLen() > 128 {
		return false
	}
	return k.own(n.FillBytes(make([]byte, idBytes+checkBytes)))
}

var base = base32.StdEncoding.WithPadding(base32.NoPadding)

// pseudonym gives the name and Patient ID that stand for a patient.
func (k key) pseudonym(patient string) string {
	if k.ownPseudonym(patient) {
		return patient
	}
	return "H" + base.EncodeToString(k.sealed(k.sum("patient", patient)))
}

func (k key) ownPseudonym(s string) bool {
	text, ok := strings.CutPrefix(s, "H")
	b, err := base.DecodeString(text)
	return ok && err == nil && k.own(b)
}

// maxShift is by how many days dates are moved at most: ten years.
const maxShift = 3650

// shift gives by how many days a patient's dates are moved into the past.
func (k key) shift(patient string) int {
	if k.ownPseudonym(patient) {
		return 0 // they were
	}
	n := new(big.Int).SetBytes(k.sum("dates", patient))
	return 1 + int(n.Mod(n, big.NewInt(maxShift)).Int64())
}
