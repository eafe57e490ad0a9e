package disk

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/halong-gateway/halong/storage"
)

// Replay gives every journal record that is not void, in order. Damage does
// not stop it; it is told at the end, as a DamageError of kind Corrupt.
func (s *Store) Replay(ctx context.Context, fn func(storage.Record) error) error {
	spans, err := s.journalSpans()
	if err != nil {
		return fail("disk.Replay", "", err)
	}
	voids, err := s.allVoids(ctx, spans)
	if err != nil {
		return fail("disk.Replay", "", err)
	}
	damage, err := s.records(ctx, spans, voids, fn)
	if err != nil {
		return err
	}
	return damageError("disk.Replay", damage)
}

func (s *Store) journalSpans() ([]span, error) {
	var spans []span
	for _, g := range s.segments(false) {
		n, err := g.length()
		if err != nil {
			return nil, err
		}
		spans = append(spans, span{g, 0, n})
	}
	return spans, nil
}

// allVoids reads the void records, which come after what they make void.
func (s *Store) allVoids(ctx context.Context, spans []span) ([]seqRange, error) {
	s.committing.Lock()
	voids := slices.Clone(s.voids)
	s.committing.Unlock()
	for _, sp := range spans {
		sc := &scanner{}
		sc.visit = func(h *header) error {
			if h.kind != storage.RecordVoid {
				return nil
			}
			b, err := sc.payload(h)
			voids = append(voids, decodeVoids(b)...)
			return err
		}
		if _, err := s.scan(ctx, sp.seg, sp.from, sp.to, sc); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(voids, func(a, b seqRange) int { return cmp.Compare(a.first, b.first) })
	return voids, nil
}

// records gives the records of the spans; errors are fn's, or those of reading.
func (s *Store) records(ctx context.Context, spans []span, voids []seqRange, fn func(storage.Record) error) ([]Damage, error) {
	var damage []Damage
	for _, sp := range spans {
		sc := &scanner{check: true, damage: func(d Damage) { damage = append(damage, d) }}
		sc.visit = func(h *header) error {
			if h.kind == storage.RecordVoid || isVoid(voids, h.seq) {
				return nil
			}
			b, err := sc.payload(h)
			if err != nil {
				return err
			}
			return fn(storage.Record{Seq: h.seq, Kind: h.kind, Payload: b, Place: h.place()})
		}
		if _, err := s.scan(ctx, sp.seg, sp.from, sp.to, sc); err != nil {
			return damage, err
		}
	}
	return damage, nil
}

// isVoid tells whether seq lies in one of the ranges, which are sorted by first.
func isVoid(voids []seqRange, seq uint64) bool {
	i := sort.Search(len(voids), func(i int) bool { return voids[i].first > seq })
	for i--; i >= 0; i-- { // ranges may overlap; there are few
		if voids[i].last >= seq {
			return true
		}
	}
	return false
}

// Scrub reads every segment up to its synced length, compares all checksums
// and tells what is damaged. Blobs in files of their own are not looked at: see Rehash.
func (s *Store) Scrub(ctx context.Context, progress func(done, total int64)) ([]Damage, error) {
	all := append(s.segments(false), s.segments(true)...)
	sizes := make([]int64, len(all))
	var done, total int64
	for i, g := range all {
		n, err := g.length()
		if err != nil {
			return nil, fail("disk.Scrub", "", err)
		}
		sizes[i] = n
		total += n
	}
	var damage []Damage
	for i, g := range all {
		sc := &scanner{check: true, damage: func(d Damage) { damage = append(damage, d) }}
		sc.visit = func(h *header) error {
			if progress != nil {
				progress(done+h.offset, total)
			}
			return nil
		}
		_, err := s.scan(ctx, g, 0, sizes[i], sc)
		if err != nil && !errors.Is(err, errStop) {
			return damage, fail("disk.Scrub", "", err)
		}
		done += sizes[i]
	}
	return damage, nil
}
