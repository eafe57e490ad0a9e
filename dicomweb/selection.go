package dicomweb

import (
	"iter"
	"net/http"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// keepWhole is how many instances of a selection are kept in memory with all
// the index knows; of further ones only the name is kept (about 150 bytes) and
// the index is asked again, so that a large study neither fills the memory nor
// holds an index cursor open while a slow client reads.
const keepWhole = 256

// selection is what a path names, in the order of the index.
type selection struct {
	q     *request
	whole []*storage.Instance
	names []instanceName // those after whole
	tag   entityTag
	// shapes are those that occur, and how often.
	shapes map[shape]int
}

type instanceName struct {
	storage.Identity
	digest halong.Digest
}

// selected looks up what the path names; 404 if that is nothing.
func (q *request) selected(kind string) (*selection, error) {
	s := &selection{q: q, tag: newTag(kind), shapes: map[shape]int{}}
	for in, err := range q.Archive.Instances(q.ctx, q.scope, q.ref()) {
		if err != nil {
			return nil, err
		}
		s.add(in)
	}
	if len(s.whole) == 0 {
		return nil, fail(http.StatusNotFound, "There is no such resource.")
	}
	return s, nil
}

func (s *selection) add(in *storage.Instance) {
	s.tag.addDigest(in.Representation())
	s.shapes[shapeOf(in)]++
	if len(s.whole) < keepWhole {
		s.whole = append(s.whole, in)
		return
	}
	name := instanceName{in.Identity, in.Representation()}
	before := s.whole[keepWhole-1].Identity
	if n := len(s.names); n > 0 {
		before = s.names[n-1].Identity
	}
	if before.Study == name.Study { // share the strings
		name.Study = before.Study
	}
	if before.Series == name.Series {
		name.Series = before.Series
	}
	if before.Facility == name.Facility {
		name.Facility = before.Facility
	}
	s.names = append(s.names, name)
}

func (s *selection) len() int { return len(s.whole) + len(s.names) }

// all gives the instances. An instance that went or changed since it was
// selected is an error: what the client gets is complete or breaks off.
func (s *selection) all() iter.Seq2[*storage.Instance, error] {
	return func(yield func(*storage.Instance, error) bool) {
		for _, in := range s.whole {
			if !yield(in, nil) {
				return
			}
		}
		for i := range s.names {
			if in, err := s.find(&s.names[i]); !yield(in, err) || err != nil {
				return
			}
		}
	}
}

func (s *selection) find(n *instanceName) (*storage.Instance, error) {
	ref := storage.Ref{Study: n.Study, Series: n.Series, SOP: n.SOP, Facility: n.Facility}
	for in, err := range s.q.Archive.Instances(s.q.ctx, s.q.scope, ref) {
		if err != nil {
			return nil, err
		}
		if in.Representation() == n.digest {
			return in, nil
		}
	}
	return nil, halong.E("dicomweb.retrieve", halong.Transient, string(n.SOP), nil)
}

// instance looks up the one instance that the path names.
func (q *request) instance() (*storage.Instance, error) {
	for in, err := range q.Archive.Instances(q.ctx, q.scope, q.ref()) {
		return in, err
	}
	return nil, fail(http.StatusNotFound, "There is no such resource.")
}
