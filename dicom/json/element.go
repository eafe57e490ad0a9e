package json

import (
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
)

func (d *decoder) member(set *dataset.Set) error {
	start := d.s.pos
	name, err := d.s.key(d.name[:0])
	d.name = name
	if err != nil {
		return err
	}
	n, ok := hexNumber(name)
	if !ok || len(name) != 8 {
		d.s.pos = start
		return d.s.fail("want a tag of eight hexadecimal digits")
	}
	t := dicom.Tag(n)
	d.s.tag = t
	if d.elements++; d.elements > d.lim.Elements {
		return d.limit("elements", d.lim.Elements)
	}
	if leftOut(t) {
		return d.s.skip()
	}
	e, err := d.element(t)
	if err == nil {
		set.Elements = append(set.Elements, e)
	}
	return err
}

// element reads {"vr": …, "Value": …} with its members in any order.
func (d *decoder) element(t dicom.Tag) (dataset.Element, error) {
	e := dataset.Element{Tag: t}
	if err := d.s.expect('{'); err != nil {
		return e, err
	}
	early, start := noContent, 0 // content met before the VR, and where it begins
	given := 0
	for first := true; ; {
		more, err := d.s.more('}', &first)
		if err != nil {
			return e, err
		}
		if !more {
			break
		}
		if d.name, err = d.s.key(d.name[:0]); err != nil {
			return e, err
		}
		kind := contentKind(string(d.name))
		switch {
		case string(d.name) == "vr":
			e.VR, err = d.vr()
		case kind == noContent:
			err = d.s.skip()
		case given > 0:
			err = d.s.fail("more than one of Value, InlineBinary and BulkDataURI")
		case e.VR != 0:
			given++
			err = d.content(&e, kind)
		default:
			given++
			early, start = kind, d.s.pos
			err = d.s.skip()
		}
		if err != nil {
			return e, err
		}
	}
	return e, d.late(&e, early, start)
}

// late reads content that came before the VR or without one.
func (d *decoder) late(e *dataset.Element, kind content, start int) error {
	if e.VR == 0 {
		e.VR = dicom.VROf(e.Tag)
	}
	if kind == noContent {
		return nil
	}
	end := d.s.pos
	d.s.pos = start
	err := d.content(e, kind)
	if err == nil {
		d.s.pos = end
	}
	return err
}

// content is a member that holds an element's value.
type content uint8

const (
	noContent content = iota
	valueContent
	inlineContent
	bulkContent
)

func contentKind(name string) content {
	switch name {
	case "Value":
		return valueContent
	case "InlineBinary":
		return inlineContent
	case "BulkDataURI":
		return bulkContent
	}
	return noContent
}

func (d *decoder) content(e *dataset.Element, kind content) error {
	switch {
	case kind == inlineContent:
		return d.inlineBinary(e)
	case kind == bulkContent:
		return d.bulkDataURI(e)
	case e.VR == dicom.SQ:
		return d.sequence(e)
	}
	return d.values(e)
}

func (d *decoder) vr() (dicom.VR, error) {
	var err error
	if d.text, err = d.s.str(d.text[:0]); err != nil {
		return 0, err
	}
	vr := dicom.ParseVR(string(d.text))
	if vr == 0 {
		return 0, d.s.fail("unknown value representation")
	}
	return vr, nil
}

func (d *decoder) item() error {
	if d.items++; d.items > d.lim.Items {
		return d.limit("items", d.lim.Items)
	}
	return nil
}

// sequence reads an array of objects; null is an empty item.
func (d *decoder) sequence(e *dataset.Element) error {
	if d.s.word("null") {
		return nil
	}
	if err := d.s.expect('['); err != nil {
		return err
	}
	if len(d.path) == d.lim.Depth {
		return d.limit("sequences inside one another", int64(d.lim.Depth))
	}
	d.path = append(d.path, Step{Tag: e.Tag})
	for first := true; ; d.path[len(d.path)-1].Item++ {
		more, err := d.s.more(']', &first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err = d.item(); err != nil {
			return err
		}
		item := &dataset.Set{}
		e.Items = append(e.Items, item)
		if d.s.word("null") {
			continue
		}
		if err = d.set(item); err != nil {
			return err
		}
	}
	d.path = d.path[:len(d.path)-1]
	return nil
}

func (d *decoder) bulkDataURI(e *dataset.Element) (err error) {
	if d.text, err = d.s.str(d.text[:0]); err != nil {
		return err
	}
	d.bulk = append(d.bulk, BulkReference{append([]Step(nil), d.path...), e.Tag, e.VR, string(d.text)})
	return nil
}
