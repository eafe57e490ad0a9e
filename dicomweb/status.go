package dicomweb

import (
	"errors"
	"net/http"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// reason is a Failure Reason (0008,1197) of a STOW-RS answer (PS3.18 I.2.2,
// PS3.7 annex C, PS3.4 table B.2-1).
type reason uint16

const (
	reasonProcessing    reason = 0x0110 // processing failure
	reasonDuplicate     reason = 0x0111 // duplicate SOP Instance
	reasonNoSuchObject  reason = 0x0112
	reasonUnsupported   reason = 0x0122 // SOP Class not supported
	reasonNotAuthorized reason = 0x0124
	reasonResources     reason = 0xA700 // refused: out of resources
	reasonDisagrees     reason = 0xA900 // data set does not match what was said of it
	reasonCannotRead    reason = 0xC000 // cannot understand
)

// answer is how one kind of error is answered.
type answer struct {
	status int
	reason reason
	text   string
}

// answers is the one map from kinds to HTTP status and STOW-RS failure reason.
var answers = [...]answer{
	halong.Internal:    {http.StatusInternalServerError, reasonProcessing, "The server failed."},
	halong.Invalid:     {http.StatusBadRequest, reasonCannotRead, "The request cannot be understood."},
	halong.Unsupported: {http.StatusNotAcceptable, reasonUnsupported, "This is not supported."},
	halong.NotExist:    {http.StatusNotFound, reasonNoSuchObject, "There is no such resource."},
	halong.Conflict:    {http.StatusConflict, reasonDuplicate, "The state of the resource forbids it."},
	halong.Permission:  {http.StatusForbidden, reasonNotAuthorized, "The caller may not do this."},
	halong.Exhausted:   {http.StatusInsufficientStorage, reasonResources, "Storage or memory is used up."},
	halong.Transient:   {http.StatusServiceUnavailable, reasonResources, "Temporarily not possible; try again."},
	halong.Corrupt:     {http.StatusInternalServerError, reasonProcessing, "Stored bytes are damaged."},
}

func answerOf(err error) answer {
	k := halong.KindOf(err)
	if int(k) >= len(answers) {
		k = halong.Internal
	}
	return answers[k]
}

// reasonOf gives the failure reason of an object that was not stored.
func reasonOf(err error) reason {
	if errors.Is(err, storage.ErrDisagree) {
		return reasonDisagrees
	}
	return answerOf(err).reason
}
