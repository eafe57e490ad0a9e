package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/commitment"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app"
	"github.com/halong-gateway/halong/internal/scu"
)

type commitCmd struct {
	targetFlags
	Paths     []string      `arg:"" optional:"" name:"path" help:"Folders and files whose objects are asked for." type:"existingpath"`
	Study     []dicom.UID   `help:"Ask for every object that the peer lists of this study." placeholder:"UID"`
	Instances string        `help:"File with a SOP Class UID and a SOP Instance UID on each line; - is the standard input." placeholder:"FILE"`
	Listen    string        `help:"Take the report also on a new association, here. The peer must know this address for our AE title." placeholder:"HOST:PORT"`
	Wait      time.Duration `help:"How long the report is waited for." default:"5m"`
	Hold      time.Duration `help:"With --listen: how long of it the association that asked stays open." default:"2s"`
	Quiet     bool          `short:"q" help:"Print what is not safe, and the totals."`
}

// Run asks for Storage Commitment.
func (x *commitCmd) Run(e *env) error {
	t, err := x.target(e)
	if err != nil {
		return err
	}
	list, err := x.references(e, t)
	if err != nil {
		return err
	}
	var o scu.CommitOptions
	if o.Listener, err = x.listener(e); err != nil {
		return err
	}
	o.Wait, o.Hold = x.Wait, x.Hold
	c, err := scu.Commit(e.ctx, t, list, o)
	if err != nil {
		return fmt.Errorf("nothing is known of the %d objects of transaction %s: %w", len(list), c.Transaction, err)
	}
	if err := x.print(e, &c); err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "%d safe, %d not safe\n", len(c.Safe), len(c.Unsafe))
	if len(c.Unsafe) > 0 {
		return incomplete{fmt.Sprintf("%d of %d objects are not safe at %s", len(c.Unsafe), len(list), x.Call)}
	}
	return nil
}

// listener opens where the report may come; nil for nowhere.
func (x *commitCmd) listener(e *env) (net.Listener, error) {
	if x.Listen == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", x.Listen)
	if err != nil || !x.TLS || x.Cert == "" {
		return l, err
	}
	secure, err := app.ListenTLS(l, x.destination(), slog.New(slog.NewTextHandler(e.stderr, nil)))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return secure, nil
}

// references gives what is asked for, each once.
func (x *commitCmd) references(e *env, t scu.Target) (list []commitment.Reference, err error) {
	if len(x.Paths) > 0 {
		names, err := files(x.Paths)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			r, err := scu.Reference(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			list = append(list, r)
		}
	}
	for _, u := range x.Study {
		q := scu.Query{Level: "STUDY", Keys: &dataset.Set{}}
		q.Keys.PutString(tag.StudyInstanceUID, dicom.UI, string(u))
		more, err := scu.Instances(e.ctx, t, q)
		if err == nil && len(more) == 0 {
			err = errors.New("the peer lists no object of it")
		}
		if err != nil {
			return nil, fmt.Errorf("study %s: %w", u, err)
		}
		list = append(list, more...)
	}
	if x.Instances != "" {
		more, err := listed(x.Instances)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	seen := map[commitment.Reference]bool{}
	list = slices.DeleteFunc(list, func(r commitment.Reference) bool {
		again := seen[r]
		seen[r] = true
		return again
	})
	switch {
	case len(list) == 0 && len(x.Paths)+len(x.Study) == 0 && x.Instances == "":
		return nil, usage{errors.New("commit needs files, --study or --instances")}
	case len(list) == 0:
		return nil, errors.New("no objects are named")
	case len(list) > commitment.MaxReferences:
		return nil, usage{fmt.Errorf("%d objects; at most %d go into one transaction", len(list), commitment.MaxReferences)}
	}
	return list, nil
}

// listed reads a list of SOP Classes and Instances.
func listed(name string) (list []commitment.Reference, err error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) != 2 || len(words[0]) > 64 || len(words[1]) > 64 || !dicom.UID(words[0]).Valid() { // SOP Instance UIDs are not all valid
			return nil, usage{fmt.Errorf("%s:%d: want a SOP Class UID and a SOP Instance UID", name, n)}
		}
		list = append(list, commitment.Reference{SOPClass: dicom.UID(words[0]), SOPInstance: dicom.UID(words[1])})
	}
	return list, lines.Err()
}

// verdict is what is printed of an object.
type verdict struct {
	SOPInstance dicom.UID `json:"sopInstance"`
	SOPClass    dicom.UID `json:"sopClass"`
	Safe        bool      `json:"safe"`
	Reason      string    `json:"reason,omitempty"` // Failure Reason, with its meaning
	RetrieveAE  string    `json:"retrieveAE,omitempty"`
	Transaction dicom.UID `json:"transaction"`
}

// print prints each object on a line: those that are not safe last.
func (x *commitCmd) print(e *env, c *scu.Committed) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	one := func(v verdict) error {
		v.Transaction = c.Transaction
		switch {
		case x.Quiet && v.Safe:
			return nil
		case x.JSON:
			return e.line(v)
		}
		word := "safe"
		if !v.Safe {
			word = "NOT SAFE"
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\n", printable(string(v.SOPInstance)), word, v.Reason)
		return err
	}
	for _, r := range c.Safe {
		if err := one(verdict{SOPInstance: r.SOPInstance, SOPClass: r.SOPClass, Safe: true, RetrieveAE: printable(c.RetrieveAE)}); err != nil {
			return err
		}
	}
	for _, f := range c.Unsafe {
		reason := f.Reason.String()
		if f.Reason == 0 {
			reason = "the report does not mention it"
		}
		if err := one(verdict{SOPInstance: f.SOPInstance, SOPClass: f.SOPClass, Reason: reason}); err != nil {
			return err
		}
	}
	return w.Flush()
}
