package ups

import (
	"context"

	"github.com/halong-gateway/halong"
)

// pageOfOld is how many workitems are deleted in one transaction.
const pageOfOld = 200

// Purge deletes workitems that have been COMPLETED or CANCELED for longer than Keep, but for those with a deletion lock (PS3.4
// CC.2.1.3), and forgets the UIDs of those deleted for longer than Remember. It tells how many it deleted.
func (s *Service) Purge(ctx context.Context) (deleted int, err error) {
	if s.Keep > 0 {
		if deleted, err = s.purge(ctx, opDelete); err != nil {
			return deleted, err
		}
	}
	_, err = s.purge(ctx, opForget)
	return deleted, err
}

func (s *Service) purge(ctx context.Context, op string) (n int, err error) {
	for {
		at := s.now()
		before := at.Add(-s.Keep)
		if op == opForget {
			before = at.Add(-s.Remember)
		}
		refs, err := s.Store.Old(ctx, op == opForget, before, pageOfOld)
		if err != nil || len(refs) == 0 {
			return n, err
		}
		err = s.update(ctx, func(tx halong.Tx) error {
			if op == opDelete {
				if refs, err = s.unlocked(tx, refs); err != nil || len(refs) == 0 {
					return err
				}
			}
			return s.commit(tx, &record{Op: op, At: at.UnixMicro(), Refs: refs})
		})
		if err != nil {
			return n, err
		}
		if n += len(refs); len(refs) < pageOfOld {
			return n, nil
		}
	}
}

// unlocked leaves out what was locked since it was looked for.
func (s *Service) unlocked(tx halong.Tx, refs []Ref) (list []Ref, err error) {
	for _, r := range refs {
		subs, err := s.Store.Subscriptions(tx, r.Facility, r.UID)
		if err != nil {
			return nil, err
		}
		locked := false
		for _, x := range subs {
			locked = locked || x.Lock
		}
		if !locked {
			list = append(list, r)
		}
	}
	return list, nil
}
