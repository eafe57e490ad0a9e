package dicomweb

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage"
)

// shape is all that decides which representations an instance has.
type shape struct {
	syntax dicom.UID
	fixed  bool // it cannot be encoded again, though the transfer syntax says so: its pixels are compressed
}

// shapeOf gives the shape of an instance from what the index knows of it.
func shapeOf(in *storage.Instance) shape {
	f := shape{syntax: in.Manifest.TransferSyntax}
	if f.syntax == explicitLE || !native(f.syntax) {
		return f
	}
	if _, n := binary.Uvarint(in.Frames); n > 0 {
		t, err := dataset.ParseFrameTable(in.Frames[n:])
		f.fixed = err == nil && t.Encapsulated()
	}
	return f
}

// offers lists the representations of an instance of this shape.
func (f shape) offers(single bool) []offer {
	all := objectOffers(f.syntax, single)
	if f.fixed {
		all = slices.DeleteFunc(all, func(o offer) bool { return o.syntax != f.syntax })
	}
	return all
}

// choice says how the instances of a selection are answered. It is made before the first byte is.
type choice struct {
	offers map[shape]offer // shapes that are not in it are left out
	left   int             // instances that are left out
}

// choose decides for each shape that occurs how its instances are answered. Where the client takes no representation of some, the others
// are answered with 206 and a Warning that tells how many are missing (PS3.18 10.4.3); where it takes none of any, with 406.
func (s *selection) choose(a accept) (*choice, error) {
	c := &choice{offers: map[shape]offer{}}
	single := s.len() == 1 && s.q.Param("instance") != ""
	var possible []offer
	for _, f := range slices.SortedFunc(maps.Keys(s.shapes), func(a, b shape) int { return strings.Compare(string(a.syntax), string(b.syntax)) }) {
		offers := f.offers(single)
		if o, ok := a.choose(offers); ok {
			c.offers[f] = o
			continue
		}
		c.left += s.shapes[f]
		possible = append(possible, offers...)
	}
	if len(c.offers) == 0 {
		return nil, notAcceptable(slices.Compact(possible))
	}
	return c, nil
}

// status is that of an answer of the chosen representations.
func (c *choice) status() int {
	if c.left > 0 {
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// warn says what is missing.
func (c *choice) warn(q *request) {
	if c.left > 0 {
		q.Response().Header().Add("Warning", fmt.Sprintf(`299 halong "%d of the instances have no acceptable representation and are left out."`, c.left))
	}
}

// tagFor completes the entity tag with the chosen representations.
func (s *selection) tagFor(c *choice) entityTag {
	for _, f := range slices.SortedFunc(maps.Keys(c.offers), func(a, b shape) int { return strings.Compare(a.text(), b.text()) }) {
		o := c.offers[f]
		s.tag.add(f.text(), string(o.syntax), strconv.FormatBool(o.multipart))
	}
	return s.tag.add(strconv.Itoa(c.left), s.q.base)
}

func (f shape) text() string { return string(f.syntax) + strconv.FormatBool(f.fixed) }
