package dicomweb

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
)

// tag is a strong entity tag (RFC 9110 8.8.3): a SHA-256 over the digests of all
// that an answer is made of and over how it is represented. The boundary of a
// multipart answer comes from it too, so that equal tags mean equal bytes.
type entityTag struct {
	h      hash.Hash
	coding string // content coding of the answer, which is a representation of its own; empty for none
}

func newTag(kind string) entityTag {
	t := entityTag{h: sha256.New()}
	return t.add(kind)
}

func (t entityTag) add(parts ...string) entityTag {
	for _, p := range parts {
		// The separator occurs in none of the parts.
		t.h.Write([]byte(p))
		t.h.Write([]byte{0})
	}
	return t
}

func (t entityTag) addDigest(d [32]byte) { t.h.Write(d[:]) }

func (t entityTag) hex() string { return hex.EncodeToString(t.h.Sum(nil)[:16]) }

func (t entityTag) String() string { return codedTag(t.hex(), t.coding) }

// codedTag gives the entity tag of what has a tag without it, in a content coding.
func codedTag(hex, coding string) string {
	if coding != "" {
		coding = "-" + coding
	}
	return `"` + hex + coding + `"`
}

// coded gives the tag of the answer in a content coding.
func (t entityTag) coded(coding string) entityTag {
	t.coding = coding
	return t
}

// boundary gives a multipart boundary that no part can hold but by breaking SHA-256.
func (t entityTag) boundary() string { return "halong-" + t.hex() }

// fresh sets the caching headers and tells whether nothing is left to send: the client has the answer already, and was
// told so with 304 (RFC 9110 13.1.2), or there is an error, which unlike gave.
func (q *request) fresh(t entityTag) (done bool, err error) {
	h := q.Response().Header()
	h.Set("ETag", t.String())
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept")
	if err := q.unlike(t.String()); err != nil {
		return true, err
	}
	if !matches(q.Request().Header.Values("If-None-Match"), t.String()) {
		return false, nil
	}
	q.Response().WriteHeader(http.StatusNotModified)
	return true, nil
}

// unlike gives a 412 when the client wants the answer only in a state that it names and that is not this one (RFC 9110 13.1.1).
func (q *request) unlike(tag string) error {
	wanted := q.Request().Header.Values("If-Match")
	if len(wanted) == 0 || matchesStrongly(wanted, tag) {
		return nil
	}
	return otherState()
}

// otherState is the answer to a precondition that does not hold.
func otherState() error {
	return fail(http.StatusPreconditionFailed, "The resource has another entity tag.")
}

// matchesStrongly compares a list of entity tags (RFC 9110 8.8.3.2).
func matchesStrongly(lists []string, tag string) bool {
	for _, list := range lists {
		for t := range strings.SplitSeq(list, ",") {
			if t = strings.TrimSpace(t); t == tag || t == "*" {
				return true
			}
		}
	}
	return false
}

// matches compares a list of entity tags weakly (RFC 9110 8.8.3.2).
func matches(lists []string, tag string) bool {
	for _, list := range lists {
		for _, t := range strings.Split(list, ",") {
			t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
			if t == tag || t == "*" {
				return true
			}
		}
	}
	return false
}
