package disk

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/halong-gateway/halong"
)

var (
	errSealed   = errors.New("the segment was sealed by a failed write or sync")
	errClosed   = errors.New("the store is closed")
	errFinished = errors.New("the blob is finished")
	errUnknown  = errors.New("journal not recovered: call Recover first")
	errFull     = errors.New("the disk is full; only decisions are recorded")
)

// fail classifies an error of the file system: a full disk is Exhausted, ends
// of contexts and everything else is Transient. What has a kind keeps it.
func fail(op, ref string, err error) error {
	if err == nil {
		return nil
	}
	var e *halong.Error
	switch {
	case errors.As(err, &e):
		return halong.E(op, e.Kind, ref, err)
	case isFull(err):
		return halong.E(op, halong.Exhausted, ref, withoutPath(err))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return halong.E(op, halong.Transient, ref, err)
	}
	return halong.E(op, halong.Transient, ref, withoutPath(err))
}

func corrupt(op, ref string, err error) error {
	return halong.E(op, halong.Corrupt, ref, withoutPath(err))
}

// withoutPath drops the path from an error text: peers may get to see it.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, errFull)
}
