package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/hl7v2/transform"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/intake"
)

type hl7Cmd struct {
	List      hl7ListCmd      `cmd:"" help:"Messages that came, the newest first."`
	Show      hl7ShowCmd      `cmd:"" help:"A message, what was answered, and where it was sent."`
	Resend    hl7ResendCmd    `cmd:"" help:"Send a message on again."`
	Reprocess hl7ReprocessCmd `cmd:"" help:"Process a message that was only kept."`
	Send      hl7SendCmd      `cmd:"" help:"Send files of messages, or batches, to a receiver by MLLP, and print the answers."`
	Try       hl7TryCmd       `cmd:"" help:"Apply a file of rules (tables, rules) to messages; nothing is sent."`
}

type hl7ListCmd struct {
	operator
	Control string     `help:"With this control ID (MSH-10)." placeholder:"ID"`
	Sender  string     `help:"From this application or site (MSH-3, MSH-4)." placeholder:"NAME"`
	Type    string     `help:"Of this type: ORU, or ORU^R01." placeholder:"TYPE"`
	State   string     `help:"kept, processed or refused." enum:"kept,processed,refused," default:""`
	Patient string     `help:"That results, orders or changes of this patient came in." placeholder:"ID"`
	Since   *time.Time `help:"Not older than (RFC 3339)." placeholder:"TIME"`
	Until   *time.Time `help:"Older than (RFC 3339)." placeholder:"TIME"`
	Limit   int        `help:"At most so many." default:"50"`
}

// Run prints messages.
func (x *hl7ListCmd) Run(e *env) error {
	q := url.Values{}
	for key, value := range map[string]string{"control": x.Control, "sender": x.Sender, "type": x.Type, "state": x.State, "patient": x.Patient} {
		if value != "" {
			q.Set(key, value)
		}
	}
	for key, t := range map[string]*time.Time{"from": x.Since, "until": x.Until} {
		if t != nil {
			q.Set(key, t.Format(time.RFC3339Nano))
		}
	}
	all := app.MessageList{Messages: []app.MessageView{}}
	for {
		q.Set("limit", strconv.Itoa(x.Limit-len(all.Messages)))
		var page app.MessageList
		if err := x.ask(e.ctx, "/api/messages?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		all.Messages = append(all.Messages, page.Messages...)
		if page.Before == 0 || len(all.Messages) >= x.Limit {
			break
		}
		q.Set("before", strconv.FormatUint(page.Before, 10))
	}
	if x.JSON {
		return x.printJSON(e, all)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MESSAGE\tRECEIVED\tTYPE\tSTATE\tFROM\tCONTROL ID\tBYTES\tNOTE")
	for i := range all.Messages {
		m := &all.Messages[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", m.Message, m.Received.Local().Format(time.DateTime), printable(m.Type), m.State,
			printable(m.Application+"/"+m.Site), printable(m.Control), m.Size, printable(m.Note+m.Reason))
	}
	return w.Flush()
}

type hl7ShowCmd struct {
	operator
	Message uint64 `arg:"" help:"Its number."`
	Raw     bool   `help:"Its bytes alone, as they came."`
}

// Run prints a message.
func (x *hl7ShowCmd) Run(e *env) error {
	path := "/api/messages/" + strconv.FormatUint(x.Message, 10)
	var raw []byte
	if x.Raw {
		err := x.ask(e.ctx, path, nil, &raw)
		if err == nil {
			_, err = e.stdout.Write(raw)
		}
		return err
	}
	var v app.MessageView
	if err := x.ask(e.ctx, path+"/status", nil, &v); err != nil {
		return err
	}
	if x.JSON {
		return errors.Join(x.printJSON(e, v), damage(&v))
	}
	if v.Damaged == "" {
		if err := x.ask(e.ctx, path, nil, &raw); err != nil {
			return err
		}
	}
	e.printf("message %d of %s, received %s by %s from %s: %s\n", v.Message, v.Facility, v.Received.Local().Format(time.DateTime), v.Protocol, v.Address, v.State)
	if v.Note+v.Reason != "" {
		e.printf("%s\n", printable(v.Note+v.Reason))
	}
	if v.Damaged == "" {
		printMessage(e, raw, v.Charset)
	} else {
		e.printf("its bytes are damaged, and not shown: %s\n", printable(v.Damaged))
	}
	for _, a := range v.Answers {
		e.printf("answered:\n")
		printLines(e, a)
	}
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		e.printf("to %s: %s, %d attempts%s\n", d.Destination, d.State, d.Attempts, withReason(d.Reason))
	}
	return damage(&v)
}

// withReason gives a reason, if there is one, to be put behind what came of something.
func withReason(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + printable(reason)
}

// damage tells, with an error, that a message is damaged.
func damage(v *app.MessageView) error {
	if v.Damaged == "" {
		return nil
	}
	return errors.New("the message is damaged")
}

// printMessage prints segments, each in a line, in UTF-8. charset is that of the peer; empty: MSH-18 says it.
func printMessage(e *env, raw []byte, charset string) {
	m, err := hl7v2.Parse(raw, hl7v2.ReadAs(charset)...)
	if err != nil {
		e.printf("  (not readable: %v)\n", err)
		return
	}
	printSegments(e, m)
}

// printSegments prints those of a message.
func printSegments(e *env, m *hl7v2.Message) {
	for s := range m.Segments() {
		e.printf("  %s\n", printable(string(s.UTF8())))
	}
}

// printLines prints segments that are divided already, and in UTF-8 or of ASCII.
func printLines(e *env, segments string) {
	for _, line := range strings.FieldsFunc(segments, isLineEnd) {
		e.printf("  %s\n", printable(line))
	}
}

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }

type hl7ResendCmd struct {
	operator
	Message uint64 `arg:"" help:"Its number."`
	To      string `help:"Destination of routes.destinations; else those that rules name." placeholder:"NAME"`
}

// Run makes it wait to be sent.
func (x *hl7ResendCmd) Run(e *env) error {
	var done app.ForwardDone
	err := x.ask(e.ctx, "/api/messages/"+strconv.FormatUint(x.Message, 10)+"/resend", app.MessageOrder{Destination: x.To}, &done)
	switch {
	case err != nil:
		return err
	case x.JSON:
		return x.printJSON(e, done)
	case done.Entries == 0:
		return errors.New("it is sent nowhere: no rule names a destination, or it waits already")
	}
	e.printf("sent on to %d destinations\n", done.Entries)
	return nil
}

type hl7ReprocessCmd struct {
	operator
	Message uint64 `arg:"" help:"Its number."`
}

// Run processes it.
func (x *hl7ReprocessCmd) Run(e *env) error {
	var done intake.Reprocessed
	if err := x.ask(e.ctx, "/api/messages/"+strconv.FormatUint(x.Message, 10)+"/reprocess", struct{}{}, &done); err != nil {
		return err
	}
	if x.JSON {
		return x.printJSON(e, done)
	}
	e.printf("message %d, %s: %s%s\n", done.Message, printable(done.Type), done.State, withReason(done.Note))
	return nil
}

// maxMessageFile bounds a file that is sent, or tried, in bytes.
const maxMessageFile = 256 << 20

func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxMessageFile {
		return nil, fmt.Errorf("larger than %d bytes", maxMessageFile)
	}
	return os.ReadFile(name)
}

type hl7TryCmd struct {
	Rules   string `arg:"" help:"File with tables and rules, as routes.transforms has them." type:"existingfile"`
	Message string `arg:"" help:"File with a message, or several." type:"existingfile"`
	ReadAs  string `help:"Character set of the message, as hl7.peers[].charset gives it; else MSH-18 says it." placeholder:"NAME"`
	Charset string `help:"Character set to write in; the message's own when empty." placeholder:"NAME"`
	Raw     bool   `help:"The message that comes out alone, as it would be sent."`
}

// Run prints what the rules change, and the messages that come out.
func (x *hl7TryCmd) Run(e *env) error {
	rules, err := config.LoadTransform(x.Rules)
	if err != nil {
		return usage{err}
	}
	charset, err := charsetNamed(x.Charset)
	if err != nil {
		return err
	}
	if _, err := charsetNamed(x.ReadAs); err != nil {
		return err
	}
	raw, err := readBounded(x.Message)
	if err != nil {
		return err
	}
	for i, one := range hl7v2.SplitBatch(raw).Messages { // as the gateway takes them apart
		if i > 0 && !x.Raw {
			e.printf("\n")
		}
		m, err := hl7v2.Parse(one, hl7v2.ReadAs(x.ReadAs)...)
		if err == nil {
			err = x.one(e, rules, m, charset)
		}
		if err != nil {
			return fmt.Errorf("message %d of the file: %w", i+1, err)
		}
	}
	return nil
}

// one applies the rules to one message.
func (x *hl7TryCmd) one(e *env, rules []transform.Rule, m *hl7v2.Message, charset *hl7v2.Charset) error {
	out, err := app.Transform(rules, m, charset, func(s transform.Step) {
		if !x.Raw {
			e.printf("%s: %s %s: %q -> %q\n", s.Rule, s.Action, s.Place, s.Before, s.After)
		}
	})
	if err != nil {
		return err
	}
	if x.Raw {
		_, err := e.stdout.Write(out.Bytes())
		return err
	}
	printSegments(e, out)
	return nil
}

// charsetNamed looks a character set up; nil where none is named.
func charsetNamed(name string) (*hl7v2.Charset, error) {
	if name == "" {
		return nil, nil
	}
	c, ok := hl7v2.LookupCharset(name)
	if !ok {
		return nil, usage{fmt.Errorf("%q is not a character set that is known", name)}
	}
	return c, nil
}
