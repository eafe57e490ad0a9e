package sqlite

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// fail turns an error of the driver into a *halong.Error of the right kind. Nil
// stays nil, and what is a *halong.Error already is left alone. SQLite's texts
// name tables and columns, never values.
func fail(op, ref string, err error) error {
	if err == nil {
		return nil
	}
	var known *halong.Error
	if errors.As(err, &known) {
		return err
	}
	return halong.E(op, kindOf(err), ref, err)
}

func kindOf(err error) halong.Kind {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return halong.Transient
	}
	var e *driver.Error
	if !errors.As(err, &e) {
		return halong.Internal
	}
	switch e.Code() & 0xff { // the lower byte is the primary result code
	case lib.SQLITE_FULL, lib.SQLITE_NOMEM:
		return halong.Exhausted
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_IOERR, lib.SQLITE_INTERRUPT, lib.SQLITE_PROTOCOL:
		return halong.Transient
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return halong.Corrupt
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return halong.Permission
	}
	return halong.Internal
}
