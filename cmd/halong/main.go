// Command halong is the gateway: `halong serve` runs it, `halong demo` shows
// it, and the other commands work on its data folder or talk to a peer.
//
// Exit codes: 0 done; 1 failed, or damage was found; 2 wrong usage or
// configuration; 3 done, but not all of it: something lies in quarantine or is missing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
)

// Exit codes.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitIncomplete = 3
)

// cli is the command line.
type cli struct {
	Serve       serveCmd       `cmd:"" help:"Run the gateway."`
	Demo        demoCmd        `cmd:"" help:"Run a gateway on loopback with an invented patient in it, in a fresh folder."`
	Import      importCmd      `cmd:"" help:"Store folders, zip files, DICOM media (DICOMDIR) and files. Works on the data folder, without a running gateway."`
	Export      exportCmd      `cmd:"" help:"Write stored objects as files."`
	Verify      verifyCmd      `cmd:"" help:"Read and hash everything again; exit 1 on damage."`
	Reindex     reindexCmd     `cmd:"" help:"Make the index again from the store."`
	Compact     compactCmd     `cmd:"" help:"Give back the space of what was deleted, without waiting for halong serve to do so."`
	Quarantine  quarantineCmd  `cmd:"" help:"What could not be understood."`
	Delete      deleteCmd      `cmd:"" help:"Delete a study, series or instance, with a reason that is kept."`
	Echo        echoCmd        `cmd:"" help:"C-ECHO to an Application Entity."`
	Send        sendCmd        `cmd:"" help:"C-STORE files to an Application Entity, as they are."`
	Find        findCmd        `cmd:"" help:"C-FIND: ask an Application Entity what it has."`
	Get         getCmd         `cmd:"" help:"C-GET: fetch objects from an Application Entity into a folder."`
	Move        moveCmd        `cmd:"" help:"C-MOVE: let an Application Entity send objects to another one."`
	Commit      commitCmd      `cmd:"" help:"Storage Commitment: ask an Application Entity whether objects are safe with it."`
	Forward     forwardCmd     `cmd:"" help:"What a running gateway sends on to others."`
	HL7         hl7Cmd         `cmd:"" name:"hl7" help:"HL7v2 messages of a running gateway; send one, or try rules."`
	Worklist    worklistCmd    `cmd:"" help:"The Modality Worklist of a running gateway."`
	Conformance conformanceCmd `cmd:"" help:"Print the DICOM conformance statement of a configuration."`
	Coerce      coerceCmd      `cmd:"" help:"Try rules that change attributes."`
	Lab         labCmd         `cmd:"" help:"Check maps of laboratory codes and units."`
	Token       tokenCmd       `cmd:"" help:"Make a bearer token and print what the configuration needs."`
	Passcode    passcodeCmd    `cmd:"" help:"Make a passcode for a DICOM user and print what the configuration needs."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

// env is what commands act in.
type env struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

func (e *env) printf(format string, args ...any) { fmt.Fprintf(e.stdout, format, args...) }

// incomplete is the error of a command that did what it could.
type incomplete struct{ what string }

// Error tells what is left.
func (i incomplete) Error() string { return i.what }

// usage is an error of the caller's.
type usage struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run parses the arguments and runs the command; it gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	left := -1
	parser, err := kong.New(
		&c,
		kong.Name("halong"),
		kong.Description("Medical imaging and laboratory gateway: DICOM, DICOMweb, HL7v2.\n\nExit codes: 0 done, 1 failed or damaged, 2 usage or configuration, 3 done in part (quarantine, missing)."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { left = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "halong:", err)
		return exitFailed
	}
	k, err := parser.Parse(args)
	if left >= 0 { // --help
		return left
	}
	if err != nil {
		fmt.Fprintln(stderr, "halong:", err)
		fmt.Fprintln(stderr, "Try: halong --help")
		return exitUsage
	}
	return report(k.Run(&env{ctx, stdout, stderr}), stderr)
}

func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	for line := range strings.Lines(text) { // some of it is what a peer says
		fmt.Fprintln(stderr, "halong:", printable(strings.TrimSuffix(line, "\n")))
	}
	var u usage
	var i incomplete
	switch {
	case errors.As(err, &u):
		return exitUsage
	case errors.As(err, &i):
		return exitIncomplete
	}
	return exitFailed
}

// dataFlags are the flags of commands that work on the data folder.
type dataFlags struct {
	Config string  `help:"Configuration file (YAML)." env:"HALONG_CONFIG" type:"path" placeholder:"halong.yaml"`
	Data   *string `help:"Data folder (default ./halong-data)." env:"HALONG_DATA" placeholder:"DIR"`
}

func (f *dataFlags) resolve() (*config.Config, error) {
	c, err := (&config.Flags{Config: f.Config, Data: f.Data}).Resolve()
	if err != nil {
		return nil, usage{err}
	}
	return c, nil
}

// existing is resolve for commands that look at what is there: a mistyped folder must not be made, and found in order.
func (f *dataFlags) existing() (*config.Config, error) {
	c, err := f.resolve()
	if err == nil && !app.HasStore(c) {
		return nil, usage{fmt.Errorf("%s is no data folder of halong: set --data or --config", c.Data)}
	}
	return c, err
}
