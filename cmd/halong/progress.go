package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows how far a command is: on a terminal as a bar, elsewhere not at all.
type bar struct{ b *progressbar.ProgressBar }

func newBar(e *env, what string, total int64, bytes bool) *bar {
	f, ok := e.stderr.(*os.File)
	if !ok {
		return &bar{}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &bar{}
	}
	return &bar{progressbar.NewOptions64(
		total,
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWriter(f),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// The errors of a bar are those of the terminal; the work goes on without it.

func (b *bar) add(n int64) {
	if b.b != nil {
		_ = b.b.Add64(n)
	}
}

func (b *bar) grow(n int64) {
	if b.b != nil {
		b.b.ChangeMax64(b.b.GetMax64() + n)
	}
}

func (b *bar) set(n int64) {
	if b.b != nil {
		_ = b.b.Set64(n)
	}
}

func (b *bar) clear() {
	if b.b != nil {
		_ = b.b.Clear()
	}
}

func (b *bar) finish() {
	if b.b != nil {
		_ = b.b.Finish()
	}
}
