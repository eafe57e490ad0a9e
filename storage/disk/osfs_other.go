//go:build !linux

package disk

import "os"

const oDirect = 0 // the page cache is used; everything else is the same

func fdatasync(f *os.File) error { return f.Sync() }

// Free is not known elsewhere than on Linux.
func Free(string) uint64 { return 0 }

// flock does nothing: elsewhere than on Linux it is up to the operator that
// one process opens a folder.
func flock(*os.File) error { return nil }
