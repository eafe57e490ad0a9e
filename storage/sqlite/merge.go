package sqlite

import "iter"

// merge gives the rows of several ordered sequences in order; rows that compare
// as equal in the order of the sequences.
func merge[T any](compare func(a, b T) int, from []iter.Seq2[T, error]) iter.Seq2[T, error] {
	if len(from) == 1 {
		return from[0]
	}
	return func(yield func(T, error) bool) {
		var open []*pulled[T]
		defer func() {
			for _, p := range open {
				p.stop()
			}
		}()
		for _, seq := range from {
			p := &pulled[T]{}
			p.next, p.stop = iter.Pull2(seq)
			p.advance()
			open = append(open, p)
		}
		for {
			p := least(compare, open)
			if p == nil || !yield(p.head, p.err) || p.err != nil {
				return
			}
			p.advance()
		}
	}
}

// pulled is a sequence whose next row is known.
type pulled[T any] struct {
	next func() (T, error, bool)
	stop func()
	head T
	err  error
	ok   bool
}

func (p *pulled[T]) advance() { p.head, p.err, p.ok = p.next() }

// least gives the sequence whose row comes first, one that failed before all
// others, nil when all have ended.
func least[T any](compare func(a, b T) int, open []*pulled[T]) *pulled[T] {
	var first *pulled[T]
	for _, p := range open {
		switch {
		case !p.ok:
		case p.err != nil:
			return p
		case first == nil || compare(p.head, first.head) < 0:
			first = p
		}
	}
	return first
}
