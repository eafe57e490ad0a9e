package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

const oDirect = unix.O_DIRECT

// fdatasync writes contents and length, but not the times, to the device.
func fdatasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// Free gives the bytes that are free on the disk of a folder; 0 when that cannot be found out.
func Free(folder string) uint64 {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}

func flock(f *os.File) error {
	return os.NewSyscallError("flock", unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}
