package dicomweb

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// SearchAttribute is an attribute of a level that searches know by themselves; others are looked for in the objects.
type SearchAttribute struct {
	Tag      dicom.Tag
	Matched  bool // by the index
	Returned bool // in every result, empty where it is not known
	Known    bool // returned where it is known
}

// SearchAttributes lists what the index matches and searches return at a level: a study's, a series' or an instance's own attributes, by tag.
func SearchAttributes(level storage.Level) (list []SearchAttribute) {
	columns := [][]column{nil, studyColumns, seriesColumns, instanceColumns}[level]
	for group := uint32(0x0008); group <= 0x0088; group += 2 {
		for element := range uint32(0x10000) {
			a := SearchAttribute{Tag: dicom.Tag(group<<16 | element)}
			i := slices.IndexFunc(columns, func(c column) bool { return c.tag == a.Tag })
			if i >= 0 {
				a.Returned, a.Known = columns[i].required, !columns[i].required
			}
			a.Matched = storage.LevelOf(a.Tag) == level || i >= 0 && searchable(a.Tag)
			if a.Matched || i >= 0 {
				list = append(list, a)
			}
		}
	}
	return list
}
