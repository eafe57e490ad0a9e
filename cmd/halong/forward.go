package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/app"
)

type forwardCmd struct {
	Status forwardStatusCmd `cmd:"" default:"withargs" help:"How each destination fares."`
	List   forwardListCmd   `cmd:"" help:"Entries of the ledger."`
	Retry  forwardRetryCmd  `cmd:"" help:"Send entries that are dead, or wait, at once."`
	Replay forwardReplayCmd `cmd:"" help:"Send again what is stored, as the rules say: what never was, and what ended."`
	Pause  forwardPauseCmd  `cmd:"" help:"Keep a destination's entries waiting."`
	Drop   forwardDropCmd   `cmd:"" help:"Give up entries that have not ended: they are dead, and those that wait for them go on at once."`
	Resume forwardResumeCmd `cmd:"" help:"End a pause; or, with --from or --replay, decide how to go on after the index was made again."`
}

// operator talks to a running gateway.
type operator struct {
	URL   string `help:"The gateway's HTTP listener, with http.base." env:"HALONG_URL" default:"http://127.0.0.1:8080"`
	Token string `help:"Bearer token that sees every facility." env:"HALONG_TOKEN"`
	CA    string `name:"ca" help:"Authority of the gateway's certificate, PEM." type:"existingfile" placeholder:"FILE"`
	Cert  string `help:"Client certificate, PEM." type:"existingfile" placeholder:"FILE"`
	Key   string `help:"Its private key, PEM." type:"existingfile" placeholder:"FILE"`
	JSON  bool   `name:"json" help:"JSON instead of a table."`
}

// maxOperatorAnswer bounds what is read of an answer, in bytes.
const maxOperatorAnswer = 64 << 20

func (o *operator) client() (*http.Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, err
		}
		if t.RootCAs = x509.NewCertPool(); !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.CA)
		}
	}
	if o.Cert != "" || o.Key != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, err
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment}}, nil
}

// call asks about forwarding.
func (o *operator) call(ctx context.Context, path string, send *app.ForwardOrder, answer any) error {
	var order any
	if send != nil {
		order = send
	}
	err := o.ask(ctx, "/api/forward"+path, order, answer)
	if errors.Is(err, errNoSuchPlace) {
		return errors.New("the gateway forwards nothing: its configuration has no forward.destinations, nor routes.destinations")
	}
	return err
}

// errNoSuchPlace is given for a path that the gateway does not have.
var errNoSuchPlace = errors.New("the gateway has no such thing")

// ask sends a GET, or with an order a POST, and reads the answer: JSON, or bytes as they are.
func (o *operator) ask(ctx context.Context, path string, send, answer any) error {
	h, err := o.client()
	if err != nil {
		return usage{err}
	}
	method, body := http.MethodGet, io.Reader(nil)
	if send != nil {
		b, err := json.Marshal(send)
		if err != nil {
			return err
		}
		method, body = http.MethodPost, bytes.NewReader(b)
	}
	rq, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.URL, "/")+path, body)
	if err != nil {
		return usage{err}
	}
	rq.Header.Set("Content-Type", "application/json")
	if o.Token != "" {
		rq.Header.Set("Authorization", "Bearer "+o.Token)
	}
	resp, err := h.Do(rq)
	if err != nil {
		return fmt.Errorf("the gateway is not reached: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxOperatorAnswer))
	if err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		if raw, ok := answer.(*[]byte); ok {
			*raw = b
			return nil
		}
		return json.Unmarshal(b, answer)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the gateway refuses with %s: a token or certificate is needed that sees every facility", resp.Status)
	}
	text := refusal(b)
	if resp.StatusCode == http.StatusNotFound && text == http.StatusText(http.StatusNotFound) {
		return errNoSuchPlace
	}
	return fmt.Errorf("the gateway answers %s: %s", resp.Status, text)
}

// refusal gives what an answer says of why it refuses: a problem (RFC 9457), or plain text as gateways wrote it before.
func refusal(b []byte) string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(b, &p) == nil {
		return cmp.Or(p.Detail, p.Title)
	}
	return strings.TrimSpace(string(b[:min(len(b), 1<<10)]))
}

func (o *operator) printJSON(e *env, v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type forwardStatusCmd struct{ operator }

// Run prints the sums.
func (x *forwardStatusCmd) Run(e *env) error {
	var r app.ForwardReport
	if err := x.call(e.ctx, "", nil, &r); err != nil {
		return err
	}
	if x.JSON {
		return x.printJSON(e, r)
	}
	if r.Held != "" {
		e.printf("Held: %s.\nDecide: halong forward resume --from now, or halong forward resume --replay.\n", r.Held)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DESTINATION\tENTERED\tDONE\tDEAD\tGONE\tWAITING\tOLDEST\tSTATE")
	for i := range r.Destinations {
		d := &r.Destinations[i]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", d.Name, d.Entered, d.Done, d.Dead, d.Gone, d.Waiting+d.Sending+d.Committing, age(d.Oldest), condition(d))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range r.Destinations {
		if head := r.Destinations[i].Head; head != nil && head.Reason != "" {
			e.printf("%s\n", failing(head))
		}
	}
	if r.Behind > 0 {
		e.printf("%d events were not looked at yet\n", r.Behind)
	}
	return nil
}

// failing tells of an entry that is the first to be sent, and failed; and of messages how to let the others go on.
func failing(l *app.ForwardEntry) string {
	what := "the oldest is"
	if l.Message != "" {
		what = "all wait for"
	}
	text := fmt.Sprintf("%s: %s entry %d (%s), here since %s, %d attempts: %s", l.Destination, what, l.ID, item(l), l.Entered.Local().Format(time.DateTime), l.Attempts, printable(l.Reason))
	if l.Message != "" {
		text += fmt.Sprintf("\n  to give it up: halong forward drop %s %d --reason TEXT", l.Destination, l.ID)
	}
	return text
}

// item names what an entry sends.
func item(l *app.ForwardEntry) string { return cmp.Or(l.Message, l.Instance.Loggable()) }

func age(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return time.Since(*t).Round(time.Second).String()
}

func condition(d *app.ForwardDestination) string {
	switch {
	case !d.Configured:
		return "not configured any more"
	case d.Paused != "":
		return "paused: " + strconv.Quote(d.Paused)
	case d.Unreachable != "":
		s := "unreachable: " + d.Unreachable
		if d.Next != nil {
			s += ", again at " + d.Next.Local().Format(time.TimeOnly)
		}
		return s
	case d.Closed:
		return "outside of its windows"
	}
	return "ok"
}

// entryFlags say which entries are meant.
type entryFlags struct {
	Destination string     `short:"d" help:"Of this destination alone."`
	State       []string   `help:"In these states: waiting, sending, committing, done, dead, gone." placeholder:"STATE"`
	Study       string     `help:"Of this study." placeholder:"UID"`
	Since       *time.Time `help:"Not older than (RFC 3339)." placeholder:"TIME"`
	Until       *time.Time `help:"Older than (RFC 3339)." placeholder:"TIME"`
}

func (f *entryFlags) order() *app.ForwardOrder {
	o := &app.ForwardOrder{Destination: f.Destination, States: f.State, Study: dicom.UID(f.Study)}
	if f.Since != nil {
		o.From = *f.Since
	}
	if f.Until != nil {
		o.Until = *f.Until
	}
	return o
}

type forwardListCmd struct {
	operator
	entryFlags
	Limit int `help:"At most so many; 0: all." default:"100"`
}

// Run prints entries.
func (x *forwardListCmd) Run(e *env) error {
	o := x.order()
	q := url.Values{}
	put := func(key, value string) {
		if value != "" {
			q.Set(key, value)
		}
	}
	put("destination", o.Destination)
	put("state", strings.Join(o.States, ","))
	put("study", string(o.Study))
	if !o.From.IsZero() {
		put("from", o.From.Format(time.RFC3339Nano))
	}
	if !o.Until.IsZero() {
		put("until", o.Until.Format(time.RFC3339Nano))
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	if !x.JSON {
		fmt.Fprintln(w, "ID\tDESTINATION\tSTATE\tATTEMPTS\tENTERED\tITEM\tREASON")
	}
	for left := x.Limit; ; {
		if x.Limit > 0 {
			q.Set("limit", strconv.Itoa(left))
		}
		var page app.ForwardEntries
		if err := x.call(e.ctx, "/entries?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for i := range page.Entries {
			if err := x.print(e, w, &page.Entries[i]); err != nil {
				return err
			}
		}
		left -= len(page.Entries)
		if page.After == 0 || x.Limit > 0 && left <= 0 {
			return w.Flush()
		}
		q.Set("after", strconv.FormatInt(page.After, 10))
	}
}

func (x *forwardListCmd) print(e *env, w io.Writer, l *app.ForwardEntry) error {
	if x.JSON {
		return json.NewEncoder(e.stdout).Encode(l)
	}
	_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", l.ID, l.Destination, l.State, l.Attempts, l.Entered.Local().Format(time.DateTime), item(l), printable(l.Reason))
	return err
}

// send sends an order, and tells what was done; # in the text stands for the number of entries.
func (o *operator) send(e *env, path string, x *app.ForwardOrder, text string) error {
	var done app.ForwardDone
	if err := o.call(e.ctx, path, x, &done); err != nil {
		return err
	}
	if o.JSON {
		return o.printJSON(e, done)
	}
	e.printf("%s\n", strings.ReplaceAll(text, "#", strconv.Itoa(done.Entries)))
	return nil
}

type forwardRetryCmd struct {
	operator
	entryFlags
	ID []int64 `name:"id" help:"These entries of the destination alone, all of them or none." placeholder:"NUMBER"`
}

// Run makes entries due.
func (x *forwardRetryCmd) Run(e *env) error {
	o := x.order()
	o.Entries = x.ID
	return x.send(e, "/retry", o, "# entries are sent again")
}

type forwardReplayCmd struct {
	operator
	entryFlags
	All bool `help:"Needed to replay everything, without a study or a time."`
}

// Run enters what is stored.
func (x *forwardReplayCmd) Run(e *env) error {
	if x.Study == "" && x.Since == nil && x.Until == nil && !x.All {
		return usage{errors.New("replay needs --study, --since or --until, or --all")}
	}
	return x.send(e, "/replay", x.order(), "# entries are sent, or sent again")
}

type forwardPauseCmd struct {
	operator
	Destination string `arg:"" help:"Name of the destination."`
	Reason      string `help:"Why, for other operators."`
}

// Run pauses a destination.
func (x *forwardPauseCmd) Run(e *env) error {
	return x.send(e, "/pause", &app.ForwardOrder{Destination: x.Destination, Reason: x.Reason}, "paused")
}

type forwardDropCmd struct {
	operator
	Destination string  `arg:"" help:"Name of the destination."`
	Entry       []int64 `arg:"" help:"Numbers of entries, as status and list show them."`
	Reason      string  `required:"" help:"Why: it is kept with the entries. No patient data." placeholder:"TEXT"`
}

// Run gives entries up.
func (x *forwardDropCmd) Run(e *env) error {
	return x.send(e, "/drop", &app.ForwardOrder{Destination: x.Destination, Entries: x.Entry, Reason: x.Reason}, "# entries are given up; halong forward retry -d "+x.Destination+" --state dead sends what is dead again")
}

type forwardResumeCmd struct {
	operator
	Destination string `arg:"" optional:"" help:"Name of the destination."`
	From        string `help:"After the index was made again: now, forward what comes from now on." enum:"now," default:""`
	Replay      bool   `help:"After the index was made again: forward everything that is stored and rules match."`
}

// Run ends a pause, or a hold.
func (x *forwardResumeCmd) Run(e *env) error {
	o := &app.ForwardOrder{Destination: x.Destination}
	switch {
	case x.From != "" && x.Replay, (x.From != "" || x.Replay) == (x.Destination != ""):
		return usage{errors.New("resume needs the name of a destination, or --from now, or --replay")}
	case x.Replay:
		o.Release = app.ReleaseReplay
	case x.From != "":
		o.Release = app.ReleaseNow
	}
	return x.send(e, "/resume", o, "resumed")
}
