package storage

import (
	"errors"
	"io"
)

// RangeSender is a BlobReader whose bytes the operating system can send from their file,
// so that they do not pass through the program's memory.
type RangeSender interface {
	// SendRange has w read n bytes from off. w gets an *io.LimitedReader of an *os.File
	// that stands at the first of them. The number of bytes that w took is less than n only
	// with an error; with one that is errors.ErrUnsupported it took none, and they are to be copied.
	SendRange(w io.ReaderFrom, off, n int64) (int64, error)
}

// sendAtLeast is the length in bytes from which on a range is worth opening a file for.
const sendAtLeast = 32 << 10

// SendRange has w read n bytes from off, long parts from their files if they are in such.
func (j *joined) SendRange(w io.ReaderFrom, off, n int64) (done int64, err error) {
	for i := j.find(off); i < len(j.parts) && done < n; i++ {
		part := &j.parts[i]
		skip := off + done - part.at
		want := min(n-done, part.n-skip)
		sent, err := part.send(w, part.from+skip, want)
		done += sent
		if err == nil && sent < want {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return done, err
		}
	}
	if done < n {
		return done, io.ErrUnexpectedEOF
	}
	return done, nil
}

func (p *joinedPart) send(w io.ReaderFrom, from, n int64) (int64, error) {
	if s, ok := p.r.(RangeSender); ok && n >= sendAtLeast {
		if sent, err := s.SendRange(w, from, n); !errors.Is(err, errors.ErrUnsupported) {
			return sent, err
		}
	}
	return w.ReadFrom(io.NewSectionReader(p.r, from, n))
}
