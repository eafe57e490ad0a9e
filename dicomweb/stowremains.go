package dicomweb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicomweb/multipart"
	"github.com/halong-gateway/halong/storage"
)

const (
	// quarantinedApart is how many parts of one request that cannot be understood go to quarantine each by itself: a record of each of
	// many thousand would keep the committer busy for minutes, and nobody would read them.
	quarantinedApart = 100
	// smallPart is the longest part in bytes of which further ones are kept together. The time that longer ones take is their transfer's.
	smallPart = 64 << 10
)

// remains are the parts of a request beyond those that cannot be understood either. They wait in a temporary file and are one entry of
// the quarantine in the end.
type remains struct {
	spool string // folder of the file

	mu    sync.Mutex
	file  *os.File
	w     *multipart.Writer
	items []*item
}

// remainsBoundary delimits parts in what is kept. It need not be sure to occur in none: the lengths are told too.
const remainsBoundary = "halong-remains-5f1d8a53c2b94e07"

// readSmall reads a part ahead if it is short. Else, or if it cannot be read to its end, whole is nil, and rest gives all of it.
func readSmall(r io.Reader) (whole []byte, rest io.Reader) {
	b, err := io.ReadAll(io.LimitReader(r, smallPart+1))
	switch {
	case err != nil:
		return nil, io.MultiReader(bytes.NewReader(b), failing{err})
	case len(b) > smallPart:
		return nil, io.MultiReader(bytes.NewReader(b), r)
	}
	return b, bytes.NewReader(b)
}

// failing is a reader of nothing but an error.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// add takes what was read of an item that was refused. If it cannot be kept, the item says that instead.
func (r *remains) add(it *item, part []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.write(part); err != nil {
		it.err = halong.E("dicomweb.store", halong.Exhausted, "", err)
		return
	}
	r.items = append(r.items, it)
}

func (r *remains) write(part []byte) error {
	if r.file == nil {
		f, err := os.CreateTemp(r.spool, "halong-stow-")
		if err != nil {
			return err
		}
		r.file, r.w = f, multipart.NewWriter(f, remainsBoundary)
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	length := multipart.Field{Name: "Content-Length", Value: fmt.Sprint(len(part))}
	if err := r.w.Part(multipart.Field{Name: "Content-Type", Value: mediaDICOM}, length); err != nil {
		return err
	}
	_, err := r.file.Write(part)
	return err
}

// keep puts what was added into quarantine. When that cannot be done, the items say so.
func (r *remains) keep(ctx context.Context, to Archive, in storage.Inbound) {
	if len(r.items) == 0 {
		return
	}
	err := r.w.Close()
	if err == nil {
		_, err = r.file.Seek(0, io.SeekStart)
	}
	if err == nil {
		in.Body = r.file
		_, err = to.Quarantine(ctx, in, fmt.Sprintf("%d further parts of a request none of which can be understood, as multipart/related; boundary=%s", len(r.items), remainsBoundary))
	}
	if err != nil {
		for _, it := range r.items {
			it.err = err
		}
	}
	r.items = nil
}

func (r *remains) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
