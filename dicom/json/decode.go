package json

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/charset"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// BulkReference is an element whose value lies elsewhere. In the data set it is empty.
type BulkReference struct {
	Path []Step // the items around it
	Tag  dicom.Tag
	VR   dicom.VR
	URI  string // as in BulkDataURI; may be relative
}

// Object is one data set of a JSON array.
type Object struct {
	Set  *dataset.Set
	Bulk []BulkReference
}

// Decode reads one JSON object. The data set's text is in UTF-8; its Specific
// Character Set says so where it was given or where there is other than ASCII. The
// error is a *SyntaxError. Of lim, Depth, Items, Elements and Value are looked at, the last for each
// value; memory is bounded by b's length times a small number.
func Decode(b []byte, lim dataset.Limits) (*dataset.Set, []BulkReference, error) {
	d := newDecoder(b, lim)
	o, err := d.object()
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return nil, nil, err
	}
	return o.Set, o.Bulk, nil
}

// DecodeAll reads a JSON array of objects, as metadata and query answers are,
// or a single object. The limits hold for all of it.
func DecodeAll(b []byte, lim dataset.Limits) ([]Object, error) {
	d := newDecoder(b, lim)
	if d.s.peek() == '{' {
		o, err := d.object()
		if err == nil {
			err = d.end()
		}
		if err != nil {
			return nil, err
		}
		return []Object{o}, nil
	}
	if err := d.s.expect('['); err != nil {
		return nil, err
	}
	var list []Object
	for first := true; ; {
		more, err := d.s.more(']', &first)
		if err == nil && !more {
			err = d.end()
			if err != nil {
				list = nil
			}
			return list, err
		}
		var o Object
		if err == nil {
			if err = d.item(); err == nil {
				o, err = d.object()
			}
		}
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
}

// decoder builds data sets.
type decoder struct {
	s        scanner
	lim      dataset.Limits
	items    int64
	elements int64
	path     []Step
	bulk     []BulkReference
	wide     bool   // there was text beyond ASCII
	name     []byte // of the current member
	text     []byte // a string
	value    []byte // the value being made
	chunk    []byte // small values are cut from it
}

func newDecoder(b []byte, lim dataset.Limits) *decoder {
	if lim.Depth <= 0 {
		lim.Depth = 64
	}
	for _, l := range []struct {
		limit *int64
		value int64
	}{{&lim.Items, 900_000}, {&lim.Elements, 20_000_000}, {&lim.Value, 64 << 20}} {
		if *l.limit <= 0 {
			*l.limit = l.value
		}
	}
	return &decoder{s: scanner{b: b}, lim: lim}
}

func (d *decoder) limit(what string, n int64) error {
	return &SyntaxError{d.s.pos, d.s.tag, fmt.Sprintf("more than %d %s", n, what), dataset.ErrLimit}
}

func (d *decoder) end() error {
	if d.s.peek() != 0 || d.s.pos < len(d.s.b) {
		return d.s.fail("something after the end")
	}
	return nil
}

// object reads a top-level data set.
func (d *decoder) object() (Object, error) {
	d.bulk, d.wide = nil, false
	set := &dataset.Set{}
	if err := d.set(set); err != nil {
		return Object{}, err
	}
	if d.wide && set.Get(tag.SpecificCharacterSet) == nil {
		set.PutString(tag.SpecificCharacterSet, dicom.CS, charset.UTF8)
	}
	return Object{set, d.bulk}, nil
}

// set reads the members of an object as elements. Of several with the same tag the last counts.
func (d *decoder) set(set *dataset.Set) error {
	if err := d.s.expect('{'); err != nil {
		return err
	}
	outer := d.s.tag
	for first := true; ; {
		more, err := d.s.more('}', &first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := d.member(set); err != nil {
			return err
		}
		d.s.tag = outer
	}
	order(set)
	return nil
}

func order(set *dataset.Set) {
	byTag := func(a, b dataset.Element) int { return cmp.Compare(a.Tag, b.Tag) }
	if !slices.IsSortedFunc(set.Elements, byTag) {
		slices.SortStableFunc(set.Elements, byTag)
	}
	kept := set.Elements[:0]
	for i, e := range set.Elements {
		if i+1 == len(set.Elements) || set.Elements[i+1].Tag != e.Tag {
			kept = append(kept, e)
		}
	}
	set.Elements = kept
}
