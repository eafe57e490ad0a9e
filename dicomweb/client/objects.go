package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
)

// MaxObject is how large one object of a search or of metadata may be in JSON, in bytes.
const MaxObject = 64 << 20

// ErrTooLarge says that the server sent an object larger than MaxObject.
var ErrTooLarge = errors.New("dicomweb: an object of the answer is too large")

// ErrModel says that an answer is not the DICOM JSON Model (PS3.18 annex F).
var ErrModel = errors.New("dicomweb: the answer is not in the DICOM JSON Model")

// Object is an object of metadata. Bulk names the values that lie elsewhere; their elements are empty. The URIs may be relative to the
// service's address.
type Object = dicomjson.Object

// documents gives the objects of a JSON array one after the other, without holding more than one.
func documents(r io.Reader) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		bounded := &allowance{r: r, left: MaxObject}
		dec := json.NewDecoder(bounded)
		fail := func(err error) { yield(Object{}, err) }
		if t, err := dec.Token(); err == io.EOF {
			return // some servers answer with nothing where nothing is found
		} else if err != nil {
			fail(modelError(err))
			return
		} else if t != json.Delim('[') {
			fail(ErrModel)
			return
		}
		for dec.More() {
			bounded.left = MaxObject
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				fail(modelError(err))
				return
			}
			set, bulk, err := dicomjson.Decode(raw, dataset.Limits{})
			if err != nil {
				fail(fmt.Errorf("%w: %w", ErrModel, err))
				return
			}
			if !yield(Object{Set: set, Bulk: bulk}, nil) {
				return
			}
		}
		if _, err := dec.Token(); err != nil {
			fail(modelError(err))
		}
	}
}

// objects gives the data sets alone.
func objects(r io.Reader) iter.Seq2[*dataset.Set, error] {
	return func(yield func(*dataset.Set, error) bool) {
		for o, err := range documents(r) {
			if !yield(o.Set, err) || err != nil {
				return
			}
		}
	}
}

// modelError tells faults of the text from those of the connection.
func modelError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w: at offset %d", ErrModel, syntax.Offset)
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// allowance is a reader that gives no more than what is left of it.
type allowance struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	return n, err
}
