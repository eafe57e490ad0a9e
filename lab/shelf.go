package lab

import "github.com/halong-gateway/halong/hl7v2"

// shelf gives places for what nearly every observation of a message has, many of them taken from memory at a time.
type shelf[T any] struct {
	places []T
	wanted int // places that may still be asked for
}

// mostPlaces bounds how many are taken at a time, since one that is used keeps all of them.
const mostPlaces = 64

// place gives a place for one T, as a list that it is the whole of.
func (s *shelf[T]) place() []T {
	if len(s.places) == 0 {
		s.places = make([]T, max(1, min(s.wanted, mostPlaces)))
	}
	p := s.places[:1:1]
	s.places = s.places[1:]
	s.wanted--
	return p
}

// shelves are those of a message.
type shelves struct {
	values shelf[Value]
	units  shelf[Coded]
	ranges shelf[Range]
}

func newShelves(m *hl7v2.Message) (s shelves) {
	n := 0
	for seg := range m.Segments() {
		if seg.Is("OBX") {
			n++
		}
	}
	s.values.wanted, s.units.wanted, s.ranges.wanted = n, n, n
	return s
}
