package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/halong-gateway/halong/internal/scu"
)

// targetFlags name a peer.
type targetFlags struct {
	Address string `arg:"" help:"HOST:PORT of the Application Entity."`
	Call    string `help:"Its AE title." default:"ANY-SCP"`
	AE      string `name:"ae" help:"Our AE title." default:"HALONG" env:"HALONG_AE"`
}

func (t *targetFlags) target() (scu.Target, error) {
	if _, _, err := net.SplitHostPort(t.Address); err != nil {
		return scu.Target{}, usage{fmt.Errorf("%s: want HOST:PORT", t.Address)}
	}
	return scu.Target{Address: t.Address, CalledAE: t.Call, CallingAE: t.AE}, nil
}

type echoCmd struct{ targetFlags }

// Run sends a C-ECHO.
func (x *echoCmd) Run(e *env) error {
	t, err := x.target()
	if err != nil {
		return err
	}
	took, err := scu.Echo(e.ctx, t)
	if err != nil {
		return err
	}
	e.printf("%s answers, in %s\n", x.Call, took.Round(10*time.Microsecond))
	return nil
}

type sendCmd struct {
	targetFlags
	Paths []string `arg:"" name:"path" help:"Folders and files." type:"existingpath"`
	Quiet bool     `short:"q" help:"Print what failed, and the totals."`
}

// Run sends files.
func (x *sendCmd) Run(e *env) error {
	t, err := x.target()
	if err != nil {
		return err
	}
	names, err := files(x.Paths)
	if err != nil {
		return err
	}
	b := newBar(e, "send", int64(len(names)), false)
	sum, err := scu.Send(e.ctx, t, names, func(r scu.Result) {
		b.add(1)
		if r.Err == nil && x.Quiet {
			return
		}
		b.clear()
		if r.Err != nil {
			e.printf("%s: %v\n", r.Name, r.Err)
		} else {
			e.printf("%s: sent, status %s\n", r.Name, r.Status)
		}
	})
	b.finish()
	e.printf("%d sent, %d failed\n", sum.Sent, sum.Failed)
	if err != nil {
		return err
	}
	if sum.Failed > 0 {
		return fmt.Errorf("%d files were not sent", sum.Failed)
	}
	return nil
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
