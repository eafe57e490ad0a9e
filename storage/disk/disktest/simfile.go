package disktest

import (
	"io"
	"slices"
	"syscall"
)

type simFile struct {
	s    *Sim
	n    *node
	name string
}

func (f *simFile) ReadAt(p []byte, off int64) (int, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes as much as there is space for.
func (f *simFile) WriteAt(p []byte, off int64) (int, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	var err error
	grows := max(0, off+int64(len(p))-int64(len(f.n.data)))
	if f.s.space > 0 && f.s.used+grows > f.s.space {
		fits := max(0, int64(len(p))-(f.s.used+grows-f.s.space))
		p, err = p[:fits], pathError(Write, f.name, syscall.ENOSPC)
		grows = max(0, off+int64(len(p))-int64(len(f.n.data)))
		if fits == 0 {
			return 0, err
		}
	}
	f.s.used += grows
	c := change{kind: Write, node: f.n, name: f.name, off: off, data: slices.Clone(p)}
	f.s.log = append(f.s.log, c)
	f.n.data = applyTo(f.n.data, c)
	return len(p), err
}

func (f *simFile) Sync() error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.log = append(f.s.log, change{kind: Sync, node: f.n, name: f.name})
	return nil
}

func (f *simFile) Truncate(size int64) error {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	f.s.used += size - int64(len(f.n.data))
	c := change{kind: Truncate, node: f.n, name: f.name, off: size}
	f.s.log = append(f.s.log, c)
	f.n.data = applyTo(f.n.data, c)
	return nil
}

func (f *simFile) Size() (int64, error) {
	f.s.mu.Lock()
	defer f.s.mu.Unlock()
	return int64(len(f.n.data)), nil
}

func (f *simFile) Close() error { return nil }

// applyTo does a Write or Truncate to a file's bytes.
func applyTo(data []byte, c change) []byte {
	end := c.off
	if c.kind == Write {
		end += int64(len(c.data))
	}
	if c.kind == Truncate && end <= int64(len(data)) {
		return data[:end:end]
	}
	if n := end - int64(len(data)); n > 0 {
		data = append(data, make([]byte, n)...)
	}
	copy(data[c.off:], c.data)
	return data
}
