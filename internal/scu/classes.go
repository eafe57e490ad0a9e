package scu

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
)

// CommonClasses are the Storage SOP Classes that Get asks for first when nobody knows which there are.
var CommonClasses = []dicom.UID{
	"1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2",
	"1.2.840.10008.5.1.4.1.1.1.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.3.1",
	"1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.7",
	"1.2.840.10008.5.1.4.1.1.7.2", "1.2.840.10008.5.1.4.1.1.7.4", "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.12.1",
	"1.2.840.10008.5.1.4.1.1.12.2", "1.2.840.10008.5.1.4.1.1.13.1.3", "1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.66",
	"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.88.22",
	"1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.104.1",
	"1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.481.2", "1.2.840.10008.5.1.4.1.1.481.3",
}

// otherClasses gives the Storage SOP Classes of the standard that are not among some.
func otherClasses(some []dicom.UID) (list []dicom.UID) {
	for _, c := range dicom.StorageSOPClasses() {
		if !slices.Contains(some, c.UID) {
			list = append(list, c.UID)
		}
	}
	return list
}

// levels are the Query/Retrieve levels, with their unique keys (PS3.4 C.6.1.1, C.6.2.1).
var (
	levels = []string{"PATIENT", "STUDY", "SERIES", "IMAGE"}
	unique = []dicom.Tag{tag.PatientID, tag.StudyInstanceUID, tag.SeriesInstanceUID, tag.SOPInstanceUID}
)

// instances asks for every SOP Instance below what a query names, level by level, as every C-FIND SCP serves it (PS3.4 C.4.1.3.1.1).
func (x *asker) instances(q *Query, each func(class, instance dicom.UID)) error {
	at := slices.Index(levels, q.Level)
	if at < 0 {
		return fmt.Errorf("no such level: %s", q.Level)
	}
	keys := unique[q.top() : at+1]
	ask := &Query{PatientRoot: q.PatientRoot, Level: q.Level, Keys: &dataset.Set{Elements: slices.Clone(q.Keys.Elements)}}
	for _, t := range keys {
		ask.wants(t)
	}
	if q.Level == "IMAGE" {
		ask.wants(tag.SOPClassUID)
		_, err := x.find(ask, func(s *dataset.Set) error { each(s.UID(tag.SOPClassUID), s.UID(tag.SOPInstanceUID)); return nil })
		return err
	}
	var below []*Query
	_, err := x.find(ask, func(s *dataset.Set) error {
		next := &Query{PatientRoot: q.PatientRoot, Level: levels[at+1], Keys: &dataset.Set{}}
		for _, t := range keys {
			value := cmp.Or(s.String(t), q.Keys.String(t))
			next.Keys.PutString(t, vrOf(t), value)
		}
		below = append(below, next)
		return nil
	})
	for _, next := range below {
		if err == nil {
			err = x.instances(next, each)
		}
	}
	return err
}

// top gives the place in levels of the information model's highest one.
func (q *Query) top() int {
	if q.PatientRoot {
		return 0
	}
	return 1
}

// wants adds a return key unless it is a key already.
func (q *Query) wants(t dicom.Tag) {
	if q.Keys.Get(t) == nil {
		q.Keys.Put(dataset.Element{Tag: t, VR: vrOf(t)})
	}
}

func vrOf(t dicom.Tag) dicom.VR {
	if t == tag.PatientID {
		return dicom.LO
	}
	return dicom.UI
}

// classesOf asks the target which SOP Classes there are below what a query names. complete tells that it knows of every SOP Instance.
func classesOf(ctx context.Context, t Target, q Query) (classes []dicom.UID, complete bool) {
	t.Notice = nil
	x, err := t.ask(ctx, q.class("1"), nil, dimse.Options{})
	if err != nil {
		return nil, false // the target will say of the retrieval what is wrong, or serves no C-FIND
	}
	defer func() { _ = x.close(err) }()
	add := func(u dicom.UID) {
		if u == "" {
			complete = false
		} else if !slices.Contains(classes, u) {
			classes = append(classes, u)
		}
	}
	if q.Level == "STUDY" {
		ask := Query{PatientRoot: q.PatientRoot, Level: q.Level, Keys: &dataset.Set{Elements: slices.Clone(q.Keys.Elements)}}
		ask.wants(tag.SOPClassesInStudy)
		complete = true
		_, err = x.find(&ask, func(s *dataset.Set) error {
			list := s.Strings(tag.SOPClassesInStudy)
			for _, u := range list {
				add(dicom.UID(u))
			}
			complete = complete && len(list) > 0
			return nil
		})
		if complete && len(classes) > 0 && err == nil {
			return classes, true
		}
	}
	if err == nil {
		classes, complete = nil, true
		err = x.instances(&q, func(class, _ dicom.UID) { add(class) })
	}
	return classes, complete && err == nil && len(classes) > 0
}
