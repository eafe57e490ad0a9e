package disktest

import (
	"errors"
	"io"

	"github.com/halong-gateway/halong/storage/disk"
)

// Op is one operation of a file system.
type Op struct {
	Kind   Kind
	Name   string // file or folder
	To     string // Rename only
	Offset int64  // Read, Write; Truncate: the new length
	Length int64  // Read, Write
}

// Kind is the kind of an operation.
type Kind string

// The kinds of operations.
const (
	Open     Kind = "open"
	Create   Kind = "create"
	Direct   Kind = "open direct"
	Mkdir    Kind = "mkdir"
	ReadDir  Kind = "list"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	SyncDir  Kind = "fsync folder"
	Lock     Kind = "lock"
	Read     Kind = "read"
	Write    Kind = "write"
	Sync     Kind = "fdatasync"
	Truncate Kind = "truncate"
	Size     Kind = "size"
	Close    Kind = "close"
)

// ErrSkip makes Hook pass over an operation as if it had been done.
var ErrSkip = errors.New("skip")

// Hook calls before ahead of every operation of fs; its error becomes the
// operation's. before may be called by several goroutines at once.
func Hook(fs disk.FS, before func(Op) error) disk.FS { return &hooked{fs, before} }

type hooked struct {
	fs     disk.FS
	before func(Op) error
}

// run does what before does not forbid.
func run(before func(Op) error, op Op, do func() error) error {
	err := before(op)
	if errors.Is(err, ErrSkip) {
		return nil
	}
	if err != nil {
		return err
	}
	return do()
}

func (h *hooked) Open(name string, create bool) (disk.File, error) {
	op := Op{Kind: Open, Name: name}
	if create {
		op.Kind = Create
	}
	return h.open(op, func() (disk.File, error) { return h.fs.Open(name, create) })
}

func (h *hooked) OpenDirect(name string) (disk.File, error) {
	return h.open(Op{Kind: Direct, Name: name}, func() (disk.File, error) { return h.fs.OpenDirect(name) })
}

func (h *hooked) open(op Op, do func() (disk.File, error)) (disk.File, error) {
	if err := h.before(op); err != nil {
		return nil, err
	}
	f, err := do()
	if err != nil {
		return nil, err
	}
	return &hookedFile{f, op.Name, h.before}, nil
}

func (h *hooked) Mkdir(name string) error {
	return run(h.before, Op{Kind: Mkdir, Name: name}, func() error { return h.fs.Mkdir(name) })
}

func (h *hooked) ReadDir(name string) (names []string, err error) {
	err = run(h.before, Op{Kind: ReadDir, Name: name}, func() error { names, err = h.fs.ReadDir(name); return err })
	return names, err
}

func (h *hooked) Rename(from, to string) error {
	return run(h.before, Op{Kind: Rename, Name: from, To: to}, func() error { return h.fs.Rename(from, to) })
}

func (h *hooked) Remove(name string) error {
	return run(h.before, Op{Kind: Remove, Name: name}, func() error { return h.fs.Remove(name) })
}

func (h *hooked) SyncDir(name string) error {
	return run(h.before, Op{Kind: SyncDir, Name: name}, func() error { return h.fs.SyncDir(name) })
}

func (h *hooked) Lock(name string) (io.Closer, error) {
	if err := h.before(Op{Kind: Lock, Name: name}); err != nil {
		return nil, err
	}
	return h.fs.Lock(name)
}

type hookedFile struct {
	f      disk.File
	name   string
	before func(Op) error
}

func (f *hookedFile) ReadAt(p []byte, off int64) (n int, err error) {
	op := Op{Kind: Read, Name: f.name, Offset: off, Length: int64(len(p))}
	err = run(f.before, op, func() error { n, err = f.f.ReadAt(p, off); return err })
	return n, err
}

func (f *hookedFile) WriteAt(p []byte, off int64) (n int, err error) {
	op := Op{Kind: Write, Name: f.name, Offset: off, Length: int64(len(p))}
	err = run(f.before, op, func() error { n, err = f.f.WriteAt(p, off); return err })
	return n, err
}

func (f *hookedFile) Sync() error {
	return run(f.before, Op{Kind: Sync, Name: f.name}, f.f.Sync)
}

func (f *hookedFile) Truncate(n int64) error {
	return run(f.before, Op{Kind: Truncate, Name: f.name, Offset: n}, func() error { return f.f.Truncate(n) })
}

func (f *hookedFile) Size() (n int64, err error) {
	err = run(f.before, Op{Kind: Size, Name: f.name}, func() error { n, err = f.f.Size(); return err })
	return n, err
}

func (f *hookedFile) Close() error {
	return run(f.before, Op{Kind: Close, Name: f.name}, f.f.Close)
}
