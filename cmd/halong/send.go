package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/scu"
)

type sendCmd struct {
	targetFlags
	Paths   []string `arg:"" name:"path" help:"Folders and files." type:"existingpath"`
	Quiet   bool     `short:"q" help:"Print what failed, and the totals."`
	Retries int      `help:"How often what was not answered is tried again, with growing pauses, when the peer rejects for the moment, cannot be reached or drops the association." default:"3"`
	Async   uint16   `help:"How many requests may be unanswered, if the peer grants it." default:"1" placeholder:"N"`
}

// sent is the outcome for a file as it is printed.
type sent struct {
	File           string    `json:"file"`
	SOPClass       dicom.UID `json:"sopClass,omitempty"`
	SOPInstance    dicom.UID `json:"sopInstance,omitempty"`
	TransferSyntax dicom.UID `json:"transferSyntax,omitempty"`
	Bytes          int64     `json:"bytes"`
	Status         string    `json:"status,omitempty"` // four hexadecimal digits; none when there was no answer
	Comment        string    `json:"comment,omitempty"`
	Error          string    `json:"error,omitempty"`
}

// Run sends files.
func (x *sendCmd) Run(e *env) error {
	t, err := x.target(e)
	if err != nil {
		return err
	}
	t.Retries, t.Async = x.Retries, x.Async
	names, err := files(x.Paths)
	if err != nil {
		return err
	}
	b := newBar(e, "send", int64(len(names)), false)
	notice := t.Notice
	t.Notice = func(text string) { b.clear(); notice(text) }
	var failed error // to print
	sum, err := scu.Send(e.ctx, t, names, func(r scu.Result) {
		b.add(1)
		if r.Err != nil || !x.Quiet {
			b.clear()
			failed = errors.Join(failed, x.print(e, &r))
		}
	})
	b.finish()
	if x.JSON {
		fmt.Fprintf(e.stderr, "%d sent, %d failed\n", sum.Sent, sum.Failed)
	} else {
		e.printf("%d sent, %d failed\n", sum.Sent, sum.Failed)
	}
	switch {
	case err != nil || failed != nil:
		return errors.Join(err, failed)
	case sum.Failed > 0 && sum.Sent > 0:
		return incomplete{fmt.Sprintf("%d files were not sent", sum.Failed)}
	case sum.Failed > 0:
		return errors.New("no file was sent")
	}
	return nil
}

func (x *sendCmd) print(e *env, r *scu.Result) error {
	if x.JSON {
		s := sent{File: r.Name, SOPClass: r.SOPClass, SOPInstance: r.SOPInstance, TransferSyntax: r.TransferSyntax, Bytes: r.Bytes, Comment: printable(r.Comment)}
		if r.Answered {
			s.Status = r.Status.String()
		}
		if r.Err != nil {
			s.Error = because(r.Err)
		}
		return e.line(s)
	}
	if r.Err != nil {
		e.printf("%s: %s\n", r.Name, because(r.Err))
	} else {
		e.printf("%s: sent, status %s\n", r.Name, r.Status)
	}
	return nil
}

// because words why a file was not sent.
func because(err error) string {
	if errors.Is(err, context.Canceled) {
		return "not sent, or not answered: interrupted"
	}
	return printable(err.Error())
}

// files lists the regular files of folders.
func files(paths []string) (names []string, err error) {
	for _, p := range paths {
		err := filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := os.Stat(name)
			if err == nil && info.Mode().IsRegular() {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no files")
	}
	return names, nil
}
