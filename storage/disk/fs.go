package disk

import "io"

// FS is all that the store asks of a file system. Names are absolute or
// relative to the process, as for package os. Errors are those of package os
// (fs.ErrNotExist, syscall.ENOSPC …).
type FS interface {
	// Open opens a file for reading and writing; create makes it, new and empty, and
	// fails if it is there.
	Open(name string, create bool) (File, error)
	// OpenDirect opens an existing file so that reads and writes bypass the page cache
	// (O_DIRECT): offsets, lengths and buffers must be multiples of 4096.
	OpenDirect(name string) (File, error)
	// Mkdir makes one folder; fs.ErrExist when it is there.
	Mkdir(name string) error
	// ReadDir lists the names in a folder, sorted.
	ReadDir(name string) ([]string, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes the entries of a folder durable (fsync of the folder).
	SyncDir(name string) error
	// Lock takes a lock that dies with the process; kind Conflict when another holds it.
	Lock(name string) (io.Closer, error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes contents and length durable (fdatasync), not the folder's entry.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}
