package scu

import (
	"context"
	"errors"
	"fmt"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Result tells what became of one file.
type Result struct {
	Name           string
	SOPClass       dicom.UID
	SOPInstance    dicom.UID
	TransferSyntax dicom.UID    // it was sent in, or has
	Bytes          int64        // of the Data Set in the file
	Status         dimse.Status // the peer's answer; of meaning when Answered
	Answered       bool
	Comment        string // the peer's Error Comment
	// Err is nil when the peer took the object: with success or warning.
	Err error
}

// Summary counts files.
type Summary struct{ Sent, Failed int }

// maxFailures is how many files in a row may be lost with their Associations before the rest of them is given up.
const maxFailures = 3

// errGivenUp is what the rest is told then.
var errGivenUp = errors.New("not sent: too many associations were lost")

// Send sends files to the target in as many Associations as their Presentation
// Contexts need, and reports each. The error is of ctx; what went wrong with a file is in its Result. When ctx ends, what
// is under way may be finished.
func Send(ctx context.Context, t Target, names []string, report func(Result)) (Summary, error) {
	s := &sender{target: t, tell: report}
	for _, batch := range s.plan(names) {
		s.send(ctx, batch)
	}
	return s.sum, ctx.Err()
}

// sender carries one Send.
type sender struct {
	target   Target
	tell     func(Result)
	sum      Summary
	failures int // files in a row that were lost with their Associations
	broken   int // Associations in a row that were lost
}

// batch is what one Association can carry.
type batch struct {
	proposal proposal
	files    []*file
}

// plan describes the files and sorts them into batches of at most 128
// Presentation Contexts (PS3.8 9.3.2.2), in order of arrival.
func (s *sender) plan(names []string) (batches []*batch) {
	where := map[pair]*batch{}
	for _, name := range names {
		f, err := describe(name)
		if err != nil {
			s.report(&f, nil, fmt.Errorf("not sent: %w", err))
			continue
		}
		p := pair{SOPClass: f.class, TransferSyntax: f.transferSyntax}
		b := where[p]
		if b == nil {
			if n := len(batches); n == 0 || !batches[n-1].proposal.Add(p) {
				batches = append(batches, &batch{})
				batches[len(batches)-1].proposal.Add(p)
			}
			b = batches[len(batches)-1]
			where[p] = b
		}
		b.files = append(b.files, &f)
	}
	return batches
}

// send sends one batch. What an Association did not carry to its answer goes into the next one.
func (s *sender) send(ctx context.Context, b *batch) {
	for rest := b.files; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			s.giveUp(rest, fmt.Errorf("not sent: %w", err))
			return
		}
		if s.failures >= maxFailures {
			s.giveUp(rest, errGivenUp)
			return
		}
		if s.broken > 0 && s.target.Retries > 0 {
			if err := s.target.pause(ctx, s.broken-1); err != nil {
				continue
			}
		}
		o := dimse.Options{Contexts: b.proposal.Contexts()}
		if s.target.Async > 1 {
			o.User.Async = &pdu.AsyncOperations{Invoked: s.target.Async, Performed: 1}
		}
		a, err := s.target.reach(ctx, o)
		if err != nil {
			s.giveUp(rest, fmt.Errorf("not sent: %w", err))
			return
		}
		rest = s.sendAll(ctx, a, rest)
	}
}

func (s *sender) giveUp(files []*file, err error) {
	for _, f := range files {
		s.report(f, nil, err)
	}
}

func (s *sender) report(f *file, resp *dimse.Response, err error) {
	r := Result{Name: f.name, SOPClass: f.class, SOPInstance: f.instance, TransferSyntax: f.transferSyntax, Bytes: f.size, Err: err}
	if resp != nil {
		r.Answered, r.Status, r.Comment, r.TransferSyntax = true, resp.Status, resp.ErrorComment, f.sentIn
	}
	if err == nil {
		s.sum.Sent++
	} else {
		s.sum.Failed++
	}
	if s.tell != nil {
		s.tell(r)
	}
}
