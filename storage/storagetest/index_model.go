package storagetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// model is the naive index: a list of what is stored, in order of arrival.
type model struct{ stored []modelled }

type modelled struct {
	Object
	version int
	served  bool
}

func (o Object) same(p Object) bool {
	return o.Facility == p.Facility && o.Study == p.Study && o.Series == p.Series && o.SOP == p.SOP
}

func (m *model) versions(o Object) (all []*modelled) {
	for i := range m.stored {
		if m.stored[i].same(o) {
			all = append(all, &m.stored[i])
		}
	}
	return all
}

func (m *model) add(o Object, policy storage.VersionPolicy) storage.Outcome {
	versions := m.versions(o)
	for _, v := range versions {
		if v.Content == o.Content {
			return storage.Duplicate
		}
	}
	if len(versions) == 0 {
		m.stored = append(m.stored, modelled{o, 1, true})
		return storage.Stored
	}
	next := modelled{o, versions[len(versions)-1].version + 1, policy == storage.ServeLast}
	if next.served {
		for _, v := range versions {
			v.served = false
		}
	}
	m.stored = append(m.stored, next)
	return storage.Version
}

// remove tells whether there was such a version.
func (m *model) remove(o Object) bool {
	i := slices.IndexFunc(m.stored, func(s modelled) bool { return s.same(o) && s.Content == o.Content })
	if i < 0 {
		return false
	}
	gone := m.stored[i]
	m.stored = slices.Delete(m.stored, i, i+1)
	if rest := m.versions(o); gone.served && len(rest) > 0 {
		next := rest[0]
		if last := rest[len(rest)-1]; last.version < gone.version {
			next = last
		}
		next.served = true
	}
	return true
}

// shown describes what a scope of facilities sees, as Find at the level of instances tells it.
func (m *model) shown(order []halong.Facility) []string {
	type place struct{ study, series, sop string }
	first := map[place]modelled{}
	series, instances, inSeries, modalities := map[string]map[string]bool{}, map[string]map[place]bool{}, map[place]map[string]bool{}, map[string]map[string]bool{}
	put := func(into map[string]map[string]bool, k, v string) {
		if into[k] == nil {
			into[k] = map[string]bool{}
		}
		into[k][v] = true
	}
	for _, s := range m.stored {
		rank := slices.Index(order, s.Facility)
		if rank < 0 {
			continue
		}
		p := place{s.Study, s.Series, s.SOP}
		put(series, s.Study, s.Series)
		put(modalities, s.Study, s.Modality)
		if instances[s.Study] == nil {
			instances[s.Study] = map[place]bool{}
		}
		instances[s.Study][p] = true
		if k := (place{s.Study, s.Series, ""}); inSeries[k] == nil {
			inSeries[k] = map[string]bool{s.SOP: true}
		} else {
			inSeries[k][s.SOP] = true
		}
		if have, ok := first[p]; s.served && (!ok || rank < slices.Index(order, have.Facility)) {
			first[p] = s
		}
	}
	all := slices.SortedFunc(maps.Values(first), func(a, b modelled) int {
		return cmp.Or(strings.Compare(a.Study, b.Study), strings.Compare(a.Series, b.Series), strings.Compare(a.SOP, b.SOP))
	})
	var lines []string
	for _, s := range all {
		lines = append(lines, fmt.Sprintln(s.Facility, s.SOP, s.Content, len(series[s.Study]), len(instances[s.Study]),
			len(inSeries[place{s.Study, s.Series, ""}]), slices.Sorted(maps.Keys(modalities[s.Study]))))
	}
	return lines
}

func shown(t testing.TB, x storage.Index, scope halong.Scope, studies string) []string {
	var lines []string
	for _, r := range rows(t, x, scope, storage.Query{Level: storage.LevelInstance}, studies) {
		a := r.Attributes
		lines = append(lines, fmt.Sprintln(r.Facility, r.SOP, a.String(tag.ContentDescription), a.String(tag.NumberOfStudyRelatedSeries),
			a.String(tag.NumberOfStudyRelatedInstances), a.String(tag.NumberOfSeriesRelatedInstances), a.Strings(tag.ModalitiesInStudy)))
	}
	return lines
}

// indexModel compares an index with the naive model under random adding,
// sending again, other versions and deleting, in transactions of several steps.
func indexModel(t *testing.T, open func(t testing.TB) storage.Index) {
	x, run := open(t), 0
	rapid.Check(t, func(r *rapid.T) {
		run++ // each run has its own studies
		m := &model{}
		digit := rapid.IntRange(1, 2)
		object := rapid.Custom(func(r *rapid.T) Object {
			study, series, sop := digit.Draw(r, "study"), digit.Draw(r, "series"), digit.Draw(r, "instance")
			o := Object{
				Facility: halong.Facility(rapid.SampledFrom([]string{"BV1", "BV2"}).Draw(r, "facility")),
				Study:    fmt.Sprintf("1.%d.%d", run, study), Series: fmt.Sprintf("1.%d.%d.%d", run, study, series), SOP: fmt.Sprintf("1.%d.%d.%d.%d", run, study, series, sop),
				Content: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "content"), Modality: map[int]string{1: "CT", 2: "SR"}[series],
			}
			return o
		})
		steps := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) func(halong.Tx) error {
			o := object.Draw(r, "object")
			if rapid.IntRange(0, 2).Draw(r, "remove") == 0 {
				return func(tx halong.Tx) error {
					n := o.Instance()
					err := x.DeleteInstance(tx, n.Identity, n.Digest)
					if there := m.remove(o); there != (err == nil) || !there && halong.KindOf(err) != halong.NotExist {
						r.Fatalf("deleting %+v: %v, is there: %v", o, err, there)
					}
					return nil
				}
			}
			policy := rapid.SampledFrom([]storage.VersionPolicy{storage.ServeFirst, storage.ServeLast}).Draw(r, "policy")
			return func(tx halong.Tx) error {
				got, err := x.AddInstance(tx, o.Instance(), policy)
				if want := m.add(o, policy); got.Outcome != want {
					r.Fatalf("adding %+v: outcome %d, want %d", o, got.Outcome, want)
				}
				return err
			}
		}), 1, 8)
		for range rapid.IntRange(1, 6).Draw(r, "transactions") {
			all := steps.Draw(r, "steps")
			update(t, x, func(tx halong.Tx) error {
				for _, step := range all {
					if err := step(tx); err != nil {
						return err
					}
				}
				return nil
			})
			for _, order := range [][]halong.Facility{{"BV1"}, {"BV2", "BV1"}, {"BV1", "BV2"}} {
				if diff := gocmp.Diff(m.shown(order), shown(t, x, halong.Scope{Visible: order}, fmt.Sprintf("StudyInstanceUID=1.%[1]d.1,1.%[1]d.2", run))); diff != "" {
					r.Fatalf("%v: %s", order, diff)
				}
			}
		}
	})
}

// indexDeterministic: the same transactions make the same answers, byte for byte.
func indexDeterministic(t *testing.T, open func(t testing.TB) storage.Index) {
	play := func() (all []string) {
		x := open(t)
		objects := tree(3, 2, 3, func(i, j, k int, o *Object) {
			o.Name = fmt.Sprintf("Người^%d", k) // only the first counts
			if k == 2 {
				o.Description, o.Accession = "filled in later", "A1"
			}
		})
		add(t, x, storage.ServeFirst, objects...)
		for i := range objects {
			if i%4 == 0 {
				remove(t, x, objects[i])
			}
			if i%5 == 0 {
				objects[i].Content = "other"
				add(t, x, storage.ServeLast, objects[i])
			}
		}
		for _, level := range []storage.Level{storage.LevelStudy, storage.LevelSeries, storage.LevelInstance} {
			for _, r := range rows(t, x, halong.Everything(), storage.Query{Level: level}) {
				ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
				all = append(all, shortID(r.Identity)+string(r.Attributes.Append(nil, ts)))
			}
		}
		return all
	}
	want := play()
	for range 3 {
		if diff := gocmp.Diff(want, play()); diff != "" {
			t.Fatal(diff)
		}
	}
}
