package sqlite

import (
	"slices"

	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
)

// A search by a Patient ID that was merged away finds what it found before the merge, and what else is the survivor's: who asks has an old
// request form, or an old list. The answers bear the Patient ID that survives, and the one asked for in Other Patient IDs Sequence.

// formerKey is a key of Patient ID (0010,0020) of which some values were merged away.
type formerKey struct {
	key     query.Key
	of      []formerID
	bearers map[int64]*bearers // by facility
}

// formerID is a Patient ID of somebody who is merged now.
type formerID struct {
	facility      int64
	id, authority string
	key           int64  // of who survives
	now           string // Patient ID that is served
}

// mostFormer bounds how many merged patients with one Patient ID, of several facilities and authorities, are looked at.
const mostFormer = 1000

// former takes the key of Patient ID out of the keys if it asks for somebody who is merged.
func (s *search) former() error {
	if !s.db.merged.Load() {
		return nil
	}
	keys := s.keys[storage.LevelStudy]
	i := slices.IndexFunc(keys, func(k query.Key) bool {
		return len(k.Path) == 1 && k.Path[0] == tag.PatientID && equal(k)
	})
	if i < 0 {
		return nil
	}
	f := &formerKey{key: keys[i], bearers: map[int64]*bearers{}}
	if err := s.findFormer(f); len(f.of) == 0 || err != nil {
		return err
	}
	s.merges, s.keys[storage.LevelStudy] = f, slices.Delete(slices.Clone(keys), i, i+1)
	return nil
}

func (s *search) findFormer(f *formerKey) error {
	a := readerAsker{s.ctx, s.db.reader}
	all, err := patientsBy(a, selectPatients+` WHERE p.identifier IN (SELECT value FROM json_each(?)) AND p.survivor <> 0 LIMIT ?+0`, list(nfc(f.key.Values)), mostFormer)
	if err != nil {
		return err
	}
	for _, p := range all {
		at := slices.IndexFunc(s.seen, func(x facility) bool { return x.name == p.Facility })
		if at < 0 {
			continue
		}
		one, err := survivors(a, []*patient.Patient{p})
		if err != nil {
			return err
		}
		was, _ := p.Identity()
		now, _ := one[0].Identity()
		id := s.seen[at].id
		f.of = append(f.of, formerID{id, was.ID, was.Authority, one[0].Key, oneValue(now.ID)})
		if f.bearers[id] == nil {
			f.bearers[id] = &bearers{ask: a, policy: &s.db.options.Policy, facility: id, name: p.Facility}
		}
	}
	return nil
}

// narrow adds the condition: more may fulfil it than match.
func (f *formerKey) narrow(p *plan) {
	type survivor struct {
		ID       string `json:"i"`
		Facility int64  `json:"f"`
	}
	now := make([]survivor, len(f.of))
	for i, x := range f.of {
		now[i] = survivor{x.now, x.facility}
	}
	p.and(`s.id IN (SELECT id FROM study INDEXED BY study_patient WHERE patient IN (SELECT value FROM json_each(?))
		UNION ALL SELECT t.id FROM json_each(?) j CROSS JOIN study t INDEXED BY study_patient ON t.patient = j.value ->> 'i' AND t.facility = j.value ->> 'f')`,
		list(nfc(f.key.Values)), list(now))
	p.use("NOT INDEXED")
	p.exact = false
}

// studyMatches tells whether a study matches the keys of its level.
func (s *search) studyMatches(st *studyRow, a *dataset.Set) (bool, error) {
	switch f := s.merges; {
	case !s.matches(storage.LevelStudy, a):
		return false, nil
	case f == nil || s.rules.MatchAll([]query.Key{f.key}, a):
		return true, nil
	default:
		return f.matches(st, a)
	}
}

// matches tells whether a study is of somebody of whom one asked for is a part, and then says so in its attributes. It is
// certain whose it is, or it is not found.
func (f *formerKey) matches(st *studyRow, a *dataset.Set) (found bool, err error) {
	h := headerOf(a)
	for _, x := range f.of {
		if x.facility != st.facility.id || x.now != h.ID {
			continue
		}
		received := h
		as, err := st.servedAs()
		if err != nil {
			return false, err
		}
		if as != nil {
			received.ID, received.Issuer = as.FormerID, as.FormerIssuer
		}
		b, err := f.bearers[x.facility].whose(received)
		if err != nil {
			return false, err
		}
		if b != nil && b.survivor.Key == x.key {
			storage.PutOtherPatientID(a, x.id, x.authority)
			found = true
		}
	}
	return found, nil
}
