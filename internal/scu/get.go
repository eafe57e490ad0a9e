package scu

import (
	"context"
	"errors"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
)

// Get sends a C-GET and writes what comes as Part 10 files, named by SOP Instance UID, into a folder that exists. Without
// classes the target is asked which Storage SOP Classes there are; where it does not tell, CommonClasses are fetched first,
// then, if something was left, the others of the standard. What does not fit into one Association comes in several.
func Get(ctx context.Context, t Target, q Query, classes []dicom.UID, dir string, progress func(Counts)) (Retrieved, error) {
	g := &getter{target: t, query: q, progress: progress, in: &receiver{dir: dir, got: map[dicom.UID]bool{}}}
	known := len(classes) > 0
	if !known {
		classes, known = classesOf(ctx, t, q)
	}
	list := rounds(classes, eachSyntax)
	if !known {
		list = append(rounds(CommonClasses, eachGroup), rounds(otherClasses(CommonClasses), eachGroup)...)
	}
	var err error
	for i, r := range list {
		if i > 0 {
			g.target.Notice = nil // it was said
		}
		if err = g.get(ctx, r); err != nil || g.complete() {
			break
		}
	}
	sum := g.sum()
	if err == nil {
		err = sum.verdict(dimse.CGetRQ.Response(), g.comment)
	}
	return sum, err
}

// getter carries one Get.
type getter struct {
	target   Target
	query    Query
	progress func(Counts)
	in       *receiver

	last    Retrieved // of the last round
	comment string
	total   int // sub-operations that the target knows of
	warned  int
	failed  []dicom.UID
}

// get carries out one round. The error is not of the objects, of which last tells.
func (g *getter) get(ctx context.Context, r round) error {
	o := dimse.Options{Contexts: r.contexts, Mux: &dimse.Mux{}}
	for _, c := range r.classes {
		o.User.Roles = append(o.User.Roles, pdu.RoleSelection{SOPClass: c, SCP: true})
		o.Mux.Handle(c, dimse.Offer{Service: g.in})
	}
	x, err := g.target.ask(ctx, g.query.class("3"), g.query.askedToRetrieve(), o)
	if err != nil {
		return err
	}
	rq := &dimse.Command{Field: dimse.CGetRQ, AffectedSOPClass: x.class}
	resp, err := x.call(rq, g.query.encode(x.syntax), tell(g.progress))
	err = x.close(err)
	if resp != nil {
		g.last, g.comment = conclude(resp, x.syntax), resp.ErrorComment
		g.total = max(g.total, g.last.Completed+g.last.Failed+g.last.Warning+g.last.Remaining)
		g.warned += g.last.Warning
		g.failed = append(g.failed, g.last.Instances...)
	}
	return errors.Join(err, g.in.failure)
}

// complete tells whether there is nothing left to fetch in a further round.
func (g *getter) complete() bool {
	return g.last.Failed == 0 && g.last.Status.OK() || g.total > 0 && len(g.in.got) >= g.total
}

// sum gives the outcome of all rounds: what came in any of them did not fail.
func (g *getter) sum() Retrieved {
	n := len(g.in.got)
	r := Retrieved{Status: g.last.Status}
	r.Warning = min(g.warned, n)
	r.Completed = n - r.Warning
	r.Failed = max(0, g.total-n)
	r.Instances = slices.DeleteFunc(g.failed, func(u dicom.UID) bool { return g.in.got[u] })
	slices.Sort(r.Instances)
	r.Instances = slices.Compact(r.Instances)
	switch {
	case r.Failed == 0 && n > 0 && g.warned == 0 && g.complete():
		r.Status = dimse.Success
	case r.Failed > 0 && n > 0 && r.Status == dimse.UnableToPerformSubOperations:
		r.Status = dimse.SubOperationsIncomplete // none in this round, but some in another
	}
	return r
}
