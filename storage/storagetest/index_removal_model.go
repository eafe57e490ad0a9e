package storagetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// removalModel is the naive index of what can be hidden: lists that are searched from one end to the other.
type removalModel struct {
	versions []*hideable
	removals []*modelRemoval
}

// hideable is a stored version of an instance.
type hideable struct {
	Object
	number int
	served bool
	by     *modelRemoval // that hides it; nil: it is visible
}

type modelRemoval struct {
	id    uint64
	kind  storage.RemovalKind
	again storage.Again
	ended bool // restored
	names []Object
}

// of gives the versions of an instance in one place, by their numbers.
func (m *removalModel) of(o Object, by *modelRemoval) (all []*hideable) {
	for _, v := range m.versions {
		if v.same(o) && v.by == by {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b *hideable) int { return cmp.Compare(a.number, b.number) })
	return all
}

// claims gives the removals in force that name an instance, deletions first.
func (m *removalModel) claims(o Object, but *modelRemoval) (all []*modelRemoval) {
	for _, r := range m.removals {
		if r != but && !r.ended && slices.ContainsFunc(r.names, o.same) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *modelRemoval) int { return cmp.Compare(a.kind, b.kind) })
	return all
}

func (m *removalModel) drop(v *hideable) {
	m.versions = slices.DeleteFunc(m.versions, func(w *hideable) bool { return w == v })
	if rest := m.of(v.Object, v.by); v.served && len(rest) > 0 {
		next := rest[0]
		if last := rest[len(rest)-1]; last.number < v.number {
			next = last
		}
		next.served = true
	}
}

// add tells what came of it: "stored", "version", "duplicate", "refused", each with " hidden".
func (m *removalModel) add(o Object) string {
	var by *modelRemoval
	for _, r := range m.claims(o, nil) {
		if r.again != storage.AgainStored {
			by = r
			break
		}
	}
	if by != nil && by.again == storage.AgainRefused {
		return "refused"
	}
	suffix := ""
	if by != nil {
		suffix = " hidden"
	}
	for _, v := range m.versions {
		if v.same(o) && v.Content == o.Content && (v.by == nil) == (by == nil) {
			return "duplicate" + suffix
		}
	}
	there := m.of(o, by)
	v := &hideable{Object: o, number: 1, served: len(there) == 0, by: by}
	if len(there) > 0 {
		v.number = there[len(there)-1].number + 1
	}
	if by == nil { // removals that let it in concern it no more
		for _, r := range m.claims(o, nil) {
			r.names = slices.DeleteFunc(r.names, o.same)
		}
		for _, w := range slices.Clone(m.versions) {
			if w.same(o) && w.Content == o.Content {
				m.drop(w)
			}
		}
	}
	m.versions = append(m.versions, v)
	if v.served {
		return "stored" + suffix
	}
	return "version" + suffix
}

// move hangs all versions of an instance from one place to another.
func (m *removalModel) move(o Object, from, to *modelRemoval) {
	there, come := m.of(o, to), m.of(o, from)
	for _, v := range come {
		if v.by = to; len(there) > 0 {
			v.number, v.served = there[len(there)-1].number+1, false
			there = append(there, v)
		}
	}
}

func (m *removalModel) hide(r *modelRemoval) {
	for _, o := range r.names {
		m.move(o, nil, r)
		if r.kind != storage.Deleted {
			continue
		}
		for _, other := range m.removals {
			if other.kind == storage.Rejected {
				m.move(o, other, r)
			}
		}
	}
}

func (m *removalModel) restore(r *modelRemoval) {
	for _, v := range slices.Clone(m.versions) {
		if v.by != r {
			continue
		}
		var to *modelRemoval
		if others := m.claims(v.Object, r); len(others) > 0 {
			to = others[0]
		}
		m.move(v.Object, r, to)
	}
	r.ended = true
}

func (m *removalModel) purge(r *modelRemoval) {
	m.versions = slices.DeleteFunc(m.versions, func(v *hideable) bool { return v.by == r })
}

// visible gives the stored objects as the model of an index without removals has them.
func (m *removalModel) visible() *model {
	all := &model{}
	for _, v := range m.versions {
		if v.by == nil {
			all.stored = append(all.stored, modelled{v.Object, v.number, v.served})
		}
	}
	return all
}

// indexRemovalModel compares an index with the naive model under random storing, deleting, rejecting, restoring and purging.
func indexRemovalModel(t *testing.T, open func(t testing.TB) storage.Index) {
	x, run, last := open(t), 0, uint64(0)
	rapid.Check(t, func(r *rapid.T) {
		run++
		m := &removalModel{}
		object := rapid.Custom(func(r *rapid.T) Object {
			series, sop := rapid.IntRange(1, 2).Draw(r, "series"), rapid.IntRange(1, 2).Draw(r, "instance")
			return Object{
				Facility: "BV1", Study: fmt.Sprintf("1.%d.1", run), Series: fmt.Sprintf("1.%d.1.%d", run, series), SOP: fmt.Sprintf("1.%d.1.%d.%d", run, series, sop),
				Content: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "content"), Modality: map[int]string{1: "CT", 2: "SR"}[series],
			}
		})
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			o := object.Draw(r, "object")
			what := rapid.IntRange(0, 6).Draw(r, "what")
			pick := func() *modelRemoval {
				if len(m.removals) == 0 {
					return nil
				}
				return m.removals[rapid.IntRange(0, len(m.removals)-1).Draw(r, "removal")]
			}
			switch what {
			case 0, 1, 2:
				var got storage.Added
				update(t, x, func(tx halong.Tx) (err error) {
					got, err = x.AddInstance(tx, o.Instance(), storage.ServeFirst)
					return err
				})
				if want := m.add(o); addedAs(got) != want {
					r.Fatalf("adding %+v: %s, want %s", o, addedAs(got), want)
				}
			case 3, 4:
				last++
				kind, again := storage.Deleted, rapid.SampledFrom([]storage.Again{storage.AgainStored, storage.AgainHidden, storage.AgainRefused}).Draw(r, "again")
				ref := storage.Ref{Facility: o.Facility, Study: dicom.UID(o.Study), Series: dicom.UID(o.Series)}
				if rapid.Bool().Draw(r, "one") {
					ref.SOP = dicom.UID(o.SOP)
				}
				var items []storage.RemovedItem
				if what == 4 {
					kind, items = storage.Rejected, []storage.RemovedItem{{Study: ref.Study, Series: ref.Series, SOP: dicom.UID(o.SOP)}}
				}
				update(t, x, func(tx halong.Tx) (err error) {
					if kind == storage.Deleted {
						if items, err = x.Removable(tx, ref, 100); err != nil || len(items) == 0 {
							return err
						}
					}
					if err := x.AddRemoval(tx, &storage.Removal{ID: last, Kind: kind, Facility: o.Facility, Study: ref.Study, Again: again, At: Arrived}); err != nil {
						return err
					}
					_, err = x.Hide(tx, last, items)
					return err
				})
				if len(items) == 0 {
					continue
				}
				removal := &modelRemoval{id: last, kind: kind, again: again}
				for _, it := range items {
					removal.names = append(removal.names, Object{Facility: o.Facility, Study: string(it.Study), Series: string(it.Series), SOP: string(it.SOP)})
				}
				m.removals = append(m.removals, removal)
				m.hide(removal)
			case 5, 6:
				removal := pick()
				if removal == nil || removal.ended {
					continue
				}
				rm := &removals{t: t, x: x}
				if what == 5 {
					for more := true; more; {
						_, more = rm.restore(removal.id, 1)
					}
					m.restore(removal)
				} else {
					for more := true; more; {
						_, more = rm.purge(removal.id, 1)
					}
					m.purge(removal)
				}
			}
			scope := halong.Scope{Visible: []halong.Facility{"BV1"}}
			if diff := gocmp.Diff(m.visible().shown(scope.Visible), shown(t, x, scope, fmt.Sprintf("StudyInstanceUID=1.%d.1", run))); diff != "" {
				r.Fatalf("visible: %s", diff)
			}
			for _, removal := range m.removals {
				var want int64
				for _, v := range m.versions {
					if v.by == removal {
						want++
					}
				}
				got, err := x.Removal(t.Context(), scope, removal.id)
				if err != nil || got.Hidden != want {
					r.Fatalf("removal %d hides %d, want %d: %v", removal.id, got.Hidden, want, err)
				}
			}
			ok, err := x.HasInstance(t.Context(), o.Instance().Identity, o.Instance().Digest)
			if known := m.known(o); err != nil || ok != known {
				r.Fatalf("%+v is known: %v, want %v; %v", o, ok, known, err)
			}
		}
	})
}

// known tells whether the very version need not be sent.
func (m *removalModel) known(o Object) bool {
	claims := m.claims(o, nil)
	stays := slices.ContainsFunc(claims, func(r *modelRemoval) bool { return r.again == storage.AgainHidden })
	return slices.ContainsFunc(m.versions, func(v *hideable) bool { return v.same(o) && v.Content == o.Content && (v.by == nil || stays) })
}

func addedAs(a storage.Added) string {
	if a.Refused {
		return "refused"
	}
	s := map[storage.Outcome]string{storage.Stored: "stored", storage.Version: "version", storage.Duplicate: "duplicate"}[a.Outcome]
	if a.Hidden {
		s += " hidden"
	}
	return s
}
