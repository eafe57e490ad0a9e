package scp

import (
	"context"
	"errors"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/storage"
)

// originator says on whose behalf C-STORE is sent (PS3.7 9.1.1.1.8); the zero value says nothing.
type originator struct {
	ae string
	id *uint16
}

// sender sends items as C-STORE sub-operations on one Association. As many are outstanding as its Asynchronous Operations Window allows.
// They are not interrupted by C-CANCEL, which lets those under way finish.
type sender struct {
	*retrieval
	association *dimse.Association
	edit        storage.Edit // changes what is sent; nil for nothing
	from        originator
	answers     []answered // responses that were received, and not yet counted
	answered    int        // responses received on this Association
	unknown     []*item    // sent, but the Association was lost before the response
}

// answered is the end of one sub-operation.
type answered struct {
	item *item
	resp *dimse.Response
	err  error
}

var (
	errLost      = errors.New("association with the destination was lost")
	errRequestor = errors.New("association with the requestor was lost")
)

// send sends items until ctx ends. sub ends when sub-operations have to stop at once. The error is errLost, with the items that were not tried
// yet, when the Association cannot be used any more, or errRequestor when there is nobody left to tell.
func (s *sender) send(ctx, sub context.Context, items []*item) (rest []*item, err error) {
	source := s.supply(sub, items)
	defer source.close()
	for i, it := range items {
		if ctx.Err() != nil {
			break
		}
		err := s.store(sub, it, source)
		if s.settle() != nil {
			return nil, errRequestor
		}
		if err != nil {
			return items[i+1:], err
		}
	}
	err = s.association.Flush(sub)
	if s.settle() != nil {
		return nil, errRequestor
	}
	if err != nil {
		return nil, errLost
	}
	return nil, nil
}

// store sends one item; the error is errLost.
func (s *sender) store(ctx context.Context, it *item, source *supply) error {
	p := source.next(ctx)
	defer p.close()
	note := func(resp *dimse.Response, err error) { s.answers = append(s.answers, answered{it, resp, err}) }
	if p.err != nil {
		s.log.Warn("object not sent", "sop", string(it.sop), "class", string(it.pair.SOPClass), "syntax", string(it.pair.TransferSyntax), "error", p.err)
		note(nil, errNotSent)
		return nil
	}
	command := &dimse.Command{
		Field: dimse.CStoreRQ, AffectedSOPClass: p.class, AffectedSOPInstance: p.instance, Priority: s.rq.Command.Priority,
		MoveOriginator: s.from.ae, MoveOriginatorID: s.from.id,
	}
	err := s.association.Go(ctx, p.context.ID, command, p.body, note)
	if err == nil {
		return nil
	}
	s.log.Warn("object not sent", "sop", string(it.sop), "error", err)
	var data *dimse.DataError
	if errors.As(err, &data) { // the object's fault, not the destination's
		note(nil, errNotSent)
		return errUnreadable
	}
	note(nil, err)
	return errLost
}

// errNotSent stands for an object that never came to be sent, errUnreadable for one whose reading failed on the way, which cost the Association.
var (
	errNotSent    = errors.New("not sent")
	errUnreadable = errors.New("object cannot be read")
)

// settle counts the responses received and tells the requestor; the error is that this is not possible.
func (s *sender) settle() error {
	for _, a := range s.answers {
		if a.err != nil && !errors.Is(a.err, errNotSent) {
			s.unknown = append(s.unknown, a.item)
			continue
		}
		if err := s.count(a.item, s.outcome(a)); err != nil {
			return err
		}
	}
	s.answers = s.answers[:0]
	return nil
}

func (s *sender) outcome(a answered) outcome {
	if a.resp == nil {
		return subFailed
	}
	s.answered++
	switch {
	case a.resp.Status == dimse.Success:
		return subCompleted
	case a.resp.Status.IsWarning():
		return subWarning
	}
	s.log.Warn("object not taken", "sop", string(a.item.sop), "status", a.resp.Status.String())
	return subFailed
}

// giveUp counts the items whose responses were lost as failed.
func (s *sender) giveUp() error {
	lost := s.unknown
	s.unknown = nil
	for _, it := range lost {
		if err := s.count(it, subFailed); err != nil {
			return errRequestor
		}
	}
	return nil
}

// running gives a context for sub-operations: it does not end by C-CANCEL, which lets the one that is under way finish,
// but with everything else that ends ctx.
func running(ctx context.Context) (context.Context, context.CancelFunc) {
	sub, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if !errors.Is(context.Cause(ctx), dimse.ErrCancelled) {
			cancel()
		}
	})
	return sub, func() { stop(); cancel() }
}
