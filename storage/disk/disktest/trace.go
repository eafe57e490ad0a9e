package disktest

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/halong-gateway/halong/storage/disk"
)

// Trace writes down what changes a file system or makes changes durable.
type Trace struct {
	disk.FS
	root  string
	mu    sync.Mutex
	lines []string
}

// NewTrace traces fs; names are given relative to root.
func NewTrace(fs disk.FS, root string) *Trace {
	t := &Trace{root: root}
	t.FS = Hook(fs, t.note)
	return t
}

func (t *Trace) note(op Op) error {
	switch op.Kind {
	case Create, Mkdir, Remove, SyncDir, Sync:
		t.Say("%s %s", op.Kind, t.rel(op.Name))
	case Rename:
		t.Say("%s %s to %s", op.Kind, t.rel(op.Name), t.rel(op.To))
	case Write:
		t.Say("%s %s %d+%d", op.Kind, t.rel(op.Name), op.Offset, op.Length)
	case Truncate:
		t.Say("%s %s %d", op.Kind, t.rel(op.Name), op.Offset)
	}
	return nil
}

func (t *Trace) rel(name string) string {
	if r, err := filepath.Rel(t.root, name); err == nil {
		return r
	}
	return name
}

// Say adds a line: what a test does itself, such as committing and answering.
func (t *Trace) Say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// Take gives the lines since the last call.
func (t *Trace) Take() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.Join(t.lines, "\n")
	t.lines = nil
	return s
}
