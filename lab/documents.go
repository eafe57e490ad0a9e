package lab

import (
	"iter"

	"github.com/halong-gateway/halong"
)

// StoredDocument is a document of a report: encapsulated data, decoded. A report's documents are numbered
// for good, over all its versions; the same bytes again have the same number.
type StoredDocument struct {
	Report    ID // the first version
	Number    int
	Version   ID // that brought it
	Ordinal   int
	Digest    halong.Digest
	Size      int64 // bytes
	MediaType string
	Kept      bool // the blob store has the bytes; else they are made again from the message
}

// All gives the attachments with data of a group's reports, in the order in which they are filed.
func (g *Group) All() iter.Seq2[*Attachment, *Content] {
	return func(yield func(*Attachment, *Content) bool) {
		if len(g.Contents) == 0 {
			return
		}
		for _, r := range g.Reports {
			for o := range r.Each() {
				for i := range o.Values {
					a := o.Values[i].Attachment
					if c := g.Contents[a]; c != nil && !yield(a, c) {
						return
					}
				}
			}
		}
	}
}

// Each gives all observations of a report, those of its specimens first.
func (r *Report) Each() iter.Seq[*Observation] {
	return func(yield func(*Observation) bool) {
		var lists [][]Observation
		if r.Specimen != nil {
			lists = append(lists, r.Specimen.Observations)
		}
		for i := range r.Specimens {
			lists = append(lists, r.Specimens[i].Observations)
		}
		lists = append(lists, r.Observations)
		for _, list := range lists {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// documents files the documents of one version and numbers its attachments. It gives the ordinal of the next one of the message.
func (s *Service) documents(tx halong.Tx, h *Head, f Filing, r *Report) (int, error) {
	if len(f.Contents) == 0 {
		return f.Ordinal, nil
	}
	n := f.Ordinal
	var known []StoredDocument
	if h.First != h.ID {
		var err error
		if known, err = s.store.Documents(tx, h.First); err != nil {
			return n, err
		}
	}
	for o := range r.Each() {
		for i := range o.Values {
			a := o.Values[i].Attachment
			c := f.Contents[a]
			if c == nil {
				continue
			}
			var err error
			if known, err = s.document(tx, h, n, o, a, c, known); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// document files one document.
func (s *Service) document(tx halong.Tx, h *Head, ordinal int, o *Observation, a *Attachment, c *Content, known []StoredDocument) ([]StoredDocument, error) {
	digest, size, err := c.Measure()
	if err != nil {
		o.warn("OBX-5: " + err.Error() + ": no document; they stay in the raw message")
		return known, nil
	}
	d := StoredDocument{
		Report: h.First, Number: len(known) + 1, Version: h.ID, Ordinal: ordinal, Digest: digest, Size: size, MediaType: c.media(a),
	}
	if told := mediaType(a.Type, a.Subtype); told != d.MediaType && told != octets {
		o.warn("OBX-5: the data are " + d.MediaType + ", not " + told + " as ED says")
	}
	for i := range known {
		if known[i].Digest == d.Digest && known[i].MediaType == d.MediaType {
			d.Number = known[i].Number
		}
	}
	a.Document, a.MediaType, a.Digest, a.Size = d.Number, d.MediaType, d.Digest.String(), d.Size
	if d.Number <= len(known) {
		return known, nil
	}
	return append(known, d), s.store.AddDocument(tx, &d)
}
