package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/halong-gateway/halong/internal/access"
)

type passcodeCmd struct {
	Name  string `help:"Name of the user." default:"user"`
	Stdin bool   `help:"Read the passcode from a line of standard input instead of making one."`
}

// Run makes a passcode of 160 random bits, or takes one, and prints what the configuration needs. A passcode is never an
// argument: other users of the machine see those.
func (x *passcodeCmd) Run(e *env) error {
	secret, err := x.secret(os.Stdin)
	if err != nil {
		return err
	}
	p, err := access.NewPasscode([]byte(secret))
	if err != nil {
		return err
	}
	if !x.Stdin {
		e.printf("Give this to the user, it is not stored anywhere:\n  %s\n", secret)
	}
	e.printf("Put this into halong.yaml:\n  dicom:\n    identity:\n      users:\n        - {name: %q, passcode: %q}\n", x.Name, p.String())
	return nil
}

func (x *passcodeCmd) secret(stdin io.Reader) (string, error) {
	if !x.Stdin {
		b := make([]byte, 20)
		if _, err := rand.Read(b); err != nil {
			return "", err
		}
		return strings.ToLower(base32.StdEncoding.EncodeToString(b)), nil
	}
	line, err := bufio.NewReader(io.LimitReader(stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) < 8 {
		return "", usage{errors.New("a passcode of at least 8 bytes is needed")}
	}
	return line, nil
}
