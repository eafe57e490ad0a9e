package sqlite

import (
	"context"
	"slices"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// search is one question to the index: it walks down studies, series and
// instances, each level with small queries of one table, in the order of answers.
type search struct {
	db       *DB
	ctx      context.Context
	want     int        // rows that will be taken; 0 if that is not known
	seen     []facility // visible ones that exist, the preferred first
	merged   bool       // several facilities: equal UIDs are one
	level    storage.Level
	keys     [storage.LevelInstance + 1][]query.Key // by the level they are matched at
	deepest  storage.Level                          // that has keys
	rules    query.Rules
	retrieve bool // read what retrieval needs instead of attributes
	all      bool // every version of every facility, nothing merged

	planned *plan
	merges  *formerKey        // a key of Patient ID that was taken out of keys; nil: none
	after   *storage.Position // where to begin; nil: at the beginning
	apart   bool              // see storage.Query.Apart

	// UIDs that narrow the walk; nil for all.
	studies, series, sops []string
	seriesBy, sopsBy      map[int64][]string // those of long lists, by study and by series, once they were looked up
}

func (db *DB) newSearch(ctx context.Context, scope halong.Scope, level storage.Level) *search {
	s := &search{db: db, ctx: ctx, level: level, seen: db.facilities.visible(scope)}
	s.merged = len(s.seen) > 1
	return s
}

// put sorts the keys by level. A key of an attribute that the index keeps at a lower level
// than asked for asks for studies or series that have such a series or instance.
func (s *search) put(keys []query.Key) {
	for _, k := range keys {
		if len(k.Path) == 0 || k.Kind() == query.Universal {
			continue
		}
		level := s.levelOf(k.Path[0])
		s.deepest = max(s.deepest, level)
		if !s.narrow(k) {
			s.keys[level] = append(s.keys[level], k)
		}
	}
}

func (s *search) levelOf(t dicom.Tag) storage.Level {
	switch t {
	case tag.ModalitiesInStudy, tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances, tag.InstanceAvailability:
		return storage.LevelStudy
	case tag.NumberOfSeriesRelatedInstances:
		return storage.LevelSeries
	case tag.AvailableTransferSyntaxUID:
		return storage.LevelInstance
	}
	if l := storage.LevelOf(t); l != 0 {
		return l
	}
	return s.level // kept nowhere: nothing will match
}

// narrow uses the keys that name studies, series or instances. It tells whether k is one.
func (s *search) narrow(k query.Key) bool {
	if kind := k.Kind(); len(k.Path) > 1 || k.VR != dicom.UI || kind != query.Single && kind != query.List {
		return false
	}
	switch k.Path[0] {
	case tag.StudyInstanceUID:
		s.studies = both(s.studies, k.Values)
	case tag.SeriesInstanceUID:
		s.series = both(s.series, k.Values)
	case tag.SOPInstanceUID:
		s.sops = both(s.sops, k.Values)
	default:
		return false
	}
	return true
}

// both gives the values that are in both lists; a nil list holds all.
func both(a, b []string) []string {
	if a == nil {
		return slices.Clone(b)
	}
	return slices.DeleteFunc(a, func(v string) bool { return !slices.Contains(b, v) })
}

// matches tells whether the attributes match the keys of a level.
func (s *search) matches(level storage.Level, a *dataset.Set) bool {
	return s.rules.MatchAll(s.keys[level], a)
}
