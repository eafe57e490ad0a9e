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
	Name        string
	SOPClass    dicom.UID
	SOPInstance dicom.UID
	Bytes       int64        // of the Data Set
	Status      dimse.Status // the peer's answer; of meaning when Answered
	Answered    bool
	Comment     string // the peer's Error Comment
	// Err is nil when the peer took the object: with success or warning.
	Err error
}

// Summary counts files.
type Summary struct{ Sent, Failed int }

// syntax is what a Presentation Context is proposed for: one for each pair, so
// that no file depends on which of several the peer likes best.
type syntax struct{ class, transfer dicom.UID }

// maxFailures is how many Associations in a row may be lost before the rest of the files is given up.
const maxFailures = 3

// Send sends files to the target in as many Associations as their Presentation
// Contexts need, and reports each. The error is of ctx; what went wrong with a file is in its Result.
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
	failures int // Associations lost in a row
}

// batch is what one Association can carry.
type batch struct {
	contexts []pdu.ProposedContext
	files    []file
}

// plan describes the files and sorts them into batches of at most 128
// Presentation Contexts (PS3.8 9.3.2.2), in order of arrival.
func (s *sender) plan(names []string) (batches []*batch) {
	where := map[syntax]*batch{}
	for _, name := range names {
		f, err := describe(name)
		if err != nil {
			s.report(&f, nil, fmt.Errorf("not sent: %w", err))
			continue
		}
		key := syntax{f.class, f.transferSyntax}
		b := where[key]
		if b == nil {
			if n := len(batches); n == 0 || len(batches[n-1].contexts) == pdu.MaxContexts {
				batches = append(batches, &batch{})
			}
			b = batches[len(batches)-1]
			b.contexts = append(b.contexts, pdu.ProposedContext{
				ID: uint8(2*len(b.contexts) + 1), AbstractSyntax: f.class, TransferSyntaxes: []dicom.UID{f.transferSyntax},
			})
			where[key] = b
		}
		b.files = append(b.files, f)
	}
	return batches
}

// send sends one batch. An Association that is lost costs the file that was
// under way; the next one goes on with those after it.
func (s *sender) send(ctx context.Context, b *batch) {
	for rest := b.files; len(rest) > 0; {
		if s.failures >= maxFailures || ctx.Err() != nil {
			s.giveUp(rest, errors.Join(ctx.Err(), errors.New("not sent: too many associations were lost")))
			return
		}
		a, err := s.target.associate(ctx, b.contexts)
		if err != nil {
			s.giveUp(rest, fmt.Errorf("not sent: %w", err))
			return
		}
		rest = s.sendAll(ctx, a, rest)
	}
}

func (s *sender) giveUp(files []file, err error) {
	for i := range files {
		s.report(&files[i], nil, err)
	}
}

// sendAll sends files on one Association; it gives those still to be sent when
// the Association is lost.
func (s *sender) sendAll(ctx context.Context, a *dimse.Association, files []file) []file {
	for i := range files {
		resp, lost, err := s.sendOne(ctx, a, &files[i])
		s.report(&files[i], resp, err)
		if lost {
			s.failures++
			_ = a.Close() // the Association's failure is reported with the file
			return files[i+1:]
		}
		s.failures = 0
	}
	if err := a.Release(); err != nil {
		_ = a.Close() // every file was answered: nothing is lost with the release
	}
	return nil
}

// sendOne sends one file; lost tells that the Association cannot be used any more.
func (s *sender) sendOne(ctx context.Context, a *dimse.Association, f *file) (resp *dimse.Response, lost bool, err error) {
	body, closer, err := f.open()
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = closer.Close() }() // only read from
	resp, err = a.Store(ctx, f.class, f.instance, f.transferSyntax, body)
	if errors.Is(err, dimse.ErrNoContext) {
		return nil, false, fmt.Errorf("peer accepts no presentation context for SOP class %s with transfer syntax %s", f.class, f.transferSyntax)
	}
	return resp, err != nil && resp == nil, err
}

func (s *sender) report(f *file, resp *dimse.Response, err error) {
	r := Result{Name: f.name, SOPClass: f.class, SOPInstance: f.instance, Bytes: f.size, Err: err}
	if resp != nil {
		r.Answered, r.Status, r.Comment = true, resp.Status, resp.ErrorComment
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
