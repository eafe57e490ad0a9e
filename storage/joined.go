package storage

import (
	"bytes"
	"io"
	"sort"
)

// joined reads several ranges as one.
type joined struct {
	parts []joinedPart
	size  int64
}

type joinedPart struct {
	at   int64 // in the whole
	from int64 // in r
	n    int64
	r    io.ReaderAt
}

func (j *joined) add(r io.ReaderAt, from, n int64) {
	if n > 0 {
		j.parts = append(j.parts, joinedPart{at: j.size, from: from, n: n, r: r})
		j.size += n
	}
}

// find gives the part that holds the byte at off; beyond the last for one after the end.
func (j *joined) find(off int64) int {
	return sort.Search(len(j.parts), func(i int) bool { return j.parts[i].at+j.parts[i].n > off })
}

// ReadAt implements io.ReaderAt.
func (j *joined) ReadAt(p []byte, off int64) (done int, err error) {
	for i := j.find(off); i < len(j.parts) && done < len(p); i++ {
		part := &j.parts[i]
		skip := off + int64(done) - part.at
		want := min(int64(len(p)-done), part.n-skip)
		n, err := part.r.ReadAt(p[done:done+int(want)], part.from+skip)
		done += n
		if int64(n) < want {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return done, err
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

func readerAt(b []byte) io.ReaderAt { return bytes.NewReader(b) }
