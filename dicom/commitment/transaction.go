package commitment

import (
	"io"
	"math/big"

	"github.com/halong-gateway/halong/dicom"
)

// NewTransaction makes a Transaction UID of 16 random bytes, as a UUID (PS3.5 B.2). Whoever does not know it cannot report on it, so the
// source is to be crypto/rand.Reader.
func NewTransaction(random io.Reader) (dicom.UID, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4 of RFC 9562
	return dicom.UID("2.25." + new(big.Int).SetBytes(b).String()), nil
}
