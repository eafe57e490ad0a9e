package intake

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// Statement writes the HL7 conformance statement, in Markdown, from the table of handlers and the tables of the toolkit.
func Statement(w io.Writer) error {
	p := page{w: w}
	p.text(statementHead)
	p.messages()
	p.text(statementAcks)
	p.codes()
	p.text(statementErrors)
	p.charsets()
	p.printf(statementTransport, mllp.DefaultMaxMessage>>20, mllp.LargeMessage>>10)
	return p.err
}

// page writes until the first error.
type page struct {
	w   io.Writer
	err error
}

func (p *page) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *page) text(s string) { p.printf("%s", s) }

// messages writes a row for each family of messages that is processed.
func (p *page) messages() {
	p.text("| MSH-9.1 | MSH-9.2 | answer | segments read | filed as |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range Families() {
		events := strings.Join(f.Events, ", ")
		if f.Bare {
			events += ", or none"
		}
		p.printf("| %s | %s | %s | %s | %s |\n", f.Code, events, answerTypes(f), strings.Join(f.Segments, ", "), f.Files)
	}
}

// answerTypes gives MSH-9 of the application acknowledgements of a family.
func answerTypes(f Family) string {
	var named []string
	for _, e := range f.Events {
		if _, ok := hl7v2.PairedType(f.Code, e); ok {
			named = append(named, answerType(f.Code, e))
		}
	}
	all := len(named) == len(f.Events) && !f.Bare
	named = slices.Compact(named)
	switch {
	case len(named) == 0:
		return "ACK"
	case !all:
		return strings.Join(named, ", ") + "; ACK to the others"
	}
	return strings.Join(named, ", ")
}

// answerType gives MSH-9 of the application acknowledgement.
func answerType(code, event string) string {
	t, ok := hl7v2.PairedType(code, event)
	if !ok {
		t = [3]string{"ACK", event, "ACK"}
	}
	return strings.Join(t[:], "^")
}

// codes writes the one map from kind of error to acknowledgement code.
func (p *page) codes() {
	p.text("| the message | original mode | enhanced mode, accept | ERR-3 |\n| --- | --- | --- | --- |\n" +
		"| is stored | AA | CA | |\n| is stored, and is a query of a kind that is not answered here | AR | CA, then AR | 200 |\n")
	row := func(what string, kind halong.Kind, code hl7v2.ErrorCode) {
		p.printf("| %s | %s | %s | %d |\n", what, codes[kind].original, codes[kind].accept, code)
	}
	for _, u := range unreadable {
		_, err := hl7v2.Parse([]byte(u.block))
		row("cannot be read: "+u.what, kindUnreadable, reasonOf(err).Code)
	}
	row("is larger than the limit", kindOversized, hl7v2.ApplicationInternalError)
	row("could not be stored", kindNotStored, hl7v2.ApplicationInternalError)
}

// unreadable are the kinds of what is no message, each with an example.
var unreadable = []struct{ what, block string }{{"no MSH", "PID|1"}, {"MSH without usable delimiters", "MSH"}}

// charsets writes the character sets by name.
func (p *page) charsets() {
	for _, name := range hl7v2.CharsetNames() {
		p.printf("- %s\n", name)
	}
}

const statementHead = `# HL7v2 conformance statement

Written from the table of handlers (internal/intake/handlers.go) and the tables of package hl7v2 by ` + "`make pages`" + `; a test says when it is not
current. What a sender can rely on beyond this page: [hl7.md](hl7.md).

## Versions and encoding

HL7 2.1 to 2.9, encoding rules of chapter 2 (ER7), any delimiters, five encoding characters where the sender has them (2.7). XML encoding is not read.

## Messages

Every message whose MSH can be read is kept byte for byte and acknowledged. These are processed as well; all others are kept, with state
"kept", until a version of Halong knows them. ACK has the trigger event and, from 2.3.1 on, the message structure: ACK^R01^ACK.

`

const statementAcks = `
Local segments (Z..) are kept with the message; ZDS-1 is read where the table says so. Batches (FHS, BHS, BTS, FTS) are taken apart, each message is processed and acknowledged by
itself, and the acknowledgements come back in one batch.

## Acknowledgements

Original and enhanced mode (HL7 2.9), as MSH-15 and MSH-16 ask for; accept acknowledgements are always ACK. A peer may be given ACK in
the place of the paired type (` + "`hl7.peers[].ack: plain`" + `), and acceptances without warnings (` + "`warnings: false`" + `).

`

const statementErrors = `
ERR-2, ERR-3, ERR-4 and ERR-8 from MSH-12 2.5 on; ERR-1 and MSA-3 before. MSH-10 comes back in MSA-2; MSH-11, MSH-12, MSH-18 and the delimiters
are the sender's.

## Character sets

MSH-18, or ` + "`hl7.peers[].charset`" + ` in its place; without both UTF-8, and what is no UTF-8 as Windows-1252. CP1258, TCVN3 (TCVN 5712:1993, ABC fonts)
and VNI (VNI for Windows) have no value in table 0211 and are given by configuration; what is read in them comes out in normalisation form C.

`

const statementTransport = `
## Transport

MLLP, release 1, over TCP or TLS 1.2 and 1.3 (BCP 195), with client certificates where the configuration asks for them. Any number of messages on a connection, one
after the other or without waiting; answers in order. A message of at most %d MiB by default; above %d KiB only a few at a time are taken into memory.
`
