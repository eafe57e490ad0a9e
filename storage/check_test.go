package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/halong-gateway/halong"
)

// closing is a blob whose Close is counted and may fail.
type closing struct {
	*bytes.Reader
	closed int
	err    error
}

func (c *closing) Close() error { c.closed++; return c.err }

// TestCheck: bytes that are not those of the digest are corrupt, and the blob is closed in any case.
func TestCheck(t *testing.T) {
	digest := halong.Digest(sha256.Sum256([]byte("140")))
	for name, c := range map[string]struct {
		bytes string
		close error
		ok    bool
	}{
		"whole": {"140", nil, true}, "decayed": {"740", nil, false}, "cut": {"14", nil, false}, "not closed": {"140", errors.New("disk"), false},
	} {
		for _, read := range []func(BlobReader) (int, error){
			func(r BlobReader) (int, error) { n, err := Check(r, digest); return int(n), err },
			func(r BlobReader) (int, error) {
				b, err := ReadWhole(r, digest)
				if err != nil && b != nil {
					t.Errorf("%s: %q is given", name, b)
				}
				return len(c.bytes), err
			},
		} {
			r := &closing{Reader: bytes.NewReader([]byte(c.bytes)), err: c.close}
			n, err := read(r)
			if (err == nil) != c.ok || !c.ok && halong.KindOf(err) != halong.Corrupt || n != len(c.bytes) || r.closed != 1 {
				t.Errorf("%s: %d bytes, %v, closed %d times", name, n, err, r.closed)
			}
		}
	}
}
