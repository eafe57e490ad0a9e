package worklist

import (
	"crypto/sha256"
	"math/big"

	"github.com/halong-gateway/halong/dicom"
)

// uuidUID makes a UID of a name-based UUID (PS3.5 B.2, RFC 9562 5.8: version 8, of a SHA-256).
func uuidUID(name string) dicom.UID {
	sum := sha256.Sum256([]byte(name))
	b := sum[:16]
	b[6] = b[6]&0x0F | 0x80
	b[8] = b[8]&0x3F | 0x80
	return dicom.UID("2.25." + new(big.Int).SetBytes(b).String())
}
