package scp

import (
	"errors"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// storeStatus is the one map from kinds of errors to C-STORE statuses (PS3.4
// table B.2-1, PS3.7 9.1.1.1.9) with what the peer's operator reads. NotExist does not arise in
// storing; it is answered so that the sender tries again, like everything that is our fault.
var storeStatus = map[halong.Kind]struct {
	status  dimse.Status
	comment string
}{
	halong.Invalid:     {dimse.CannotUnderstand, "cannot understand"},
	halong.Unsupported: {dimse.SOPClassNotSupported, "not supported"},
	halong.NotExist:    {dimse.OutOfResources, "not available"},
	halong.Conflict:    {dimse.Success, ""}, // kept as a version
	halong.Permission:  {dimse.NotAuthorized, "not authorized"},
	halong.Exhausted:   {dimse.OutOfResources, "out of resources"},
	halong.Transient:   {dimse.OutOfResources, "temporarily unavailable"},
	halong.Corrupt:     {dimse.OutOfResources, "internal failure"},
	halong.Internal:    {dimse.OutOfResources, "internal failure"},
}

// refusal turns an error of the archive into a response.
func refusal(in storage.Inbound, receipt storage.Receipt, err error) dimse.Response {
	kind := halong.KindOf(err)
	answer := storeStatus[kind]
	resp := dimse.Answer(answer.status)
	resp.ErrorComment = answer.comment
	if kind != halong.Invalid {
		return resp
	}
	var syntax *dataset.SyntaxError
	switch {
	case errors.Is(err, storage.ErrDisagree):
		resp.Status = dimse.DataSetDoesNotMatch
		resp.ErrorComment = "data set disagrees with command set"
		resp.OffendingElements = disagreeing(in, receipt)
	case errors.As(err, &syntax):
		resp.ErrorComment = comment(strings.TrimPrefix(syntax.Error(), "dataset: "))
		if syntax.Tag != 0 {
			resp.OffendingElements = []dicom.Tag{syntax.Tag}
		}
	default:
		resp.ErrorComment = comment(innermost(err).Error())
	}
	return resp
}

// disagreeing tells which elements of the data set differ from the command set.
func disagreeing(in storage.Inbound, receipt storage.Receipt) (list []dicom.Tag) {
	if receipt.SOPClass != "" && receipt.SOPClass != in.SOPClass {
		list = append(list, tag.SOPClassUID)
	}
	if receipt.SOP != "" && receipt.SOP != in.SOPInstance {
		list = append(list, tag.SOPInstanceUID)
	}
	return list
}

// innermost gives the first cause: what the reader of the object had to say of
// it, which holds tags, offsets and UIDs but no values.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// maxComment is the length of an Error Comment (0000,0902), VR LO.
const maxComment = 64

// comment makes a text fit for an Error Comment: the default repertoire
// without control characters and backslash, at most 64 characters.
func comment(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '\\' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxComment)]
}
