package sqlite

import (
	"strconv"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// scanner is what *sql.Rows and *sql.Row have in common.
type scanner interface{ Scan(...any) error }

// studyRow is one facility's copy of a study.
type studyRow struct {
	id                int64
	facility          facility
	rank              int // place of the facility among those visible
	uid, date         string
	series, instances int64
	modalities        string // "\CT\SR\"
	copies            int    // in all facilities; known when answers are merged
	raw               []byte
	set               *dataset.Set
	identity          []byte // see storage.PatientIdentity; nil: served as received
	patient           *storage.PatientIdentity
}

const studyResult = `s.id, s.facility, s.uid, s.date, s.series, s.instances, s.modalities, s.attributes, s.identity`

func (st *studyRow) scan(r scanner) error {
	return r.Scan(&st.id, &st.facility.id, &st.uid, &st.date, &st.series, &st.instances, &st.modalities, &st.raw, &st.identity, &st.copies)
}

// servedAs gives the identity that the study is served under; nil if it is the one received.
func (st *studyRow) servedAs() (_ *storage.PatientIdentity, err error) {
	if st.identity != nil && st.patient == nil {
		st.patient, err = storage.ParsePatientIdentity(st.identity)
	}
	return st.patient, err
}

// attributes gives the study's attributes with what is computed for it.
func (st *studyRow) attributes() (*dataset.Set, error) {
	if st.set != nil {
		return st.set, nil
	}
	s, err := decode(st.raw)
	if err != nil {
		return nil, err
	}
	m := st.modalities
	if len(m) >= 2 {
		m = m[1 : len(m)-1]
	}
	s.PutString(tag.InstanceAvailability, dicom.CS, "ONLINE")
	s.PutString(tag.ModalitiesInStudy, dicom.CS, m)
	s.PutString(tag.NumberOfStudyRelatedSeries, dicom.IS, strconv.FormatInt(st.series, 10))
	s.PutString(tag.NumberOfStudyRelatedInstances, dicom.IS, strconv.FormatInt(st.instances, 10))
	st.set = s
	return s, nil
}

// seriesRow is one facility's copy of a series.
type seriesRow struct {
	study     *studyRow
	id        int64
	uid       string
	number    int64
	instances int64
	raw       []byte
	set       *dataset.Set
	above     *dataset.Set // joined with the study's
}

const seriesResult = `e.study, e.id, e.uid, e.number, e.instances, e.attributes`

// scan reads a series of one of the studies.
func (se *seriesRow) scan(r scanner, of []*studyRow) error {
	var study int64
	err := r.Scan(&study, &se.id, &se.uid, &se.number, &se.instances, &se.raw)
	for _, st := range of {
		if st.id == study {
			se.study = st
		}
	}
	return err
}

func (se *seriesRow) attributes() (*dataset.Set, error) {
	if se.set != nil {
		return se.set, nil
	}
	s, err := decode(se.raw)
	if err != nil {
		return nil, err
	}
	s.PutString(tag.NumberOfSeriesRelatedInstances, dicom.IS, strconv.FormatInt(se.instances, 10))
	se.set = s
	return s, nil
}

// joined gives the attributes of series and study in one set.
func (se *seriesRow) joined() (*dataset.Set, error) {
	if se.above != nil {
		return se.above, nil
	}
	own, err := se.attributes()
	if err != nil {
		return nil, err
	}
	study, err := se.study.attributes()
	if err != nil {
		return nil, err
	}
	se.above = join(study, own)
	return se.above, nil
}

// instanceRow is one facility's copy of an instance.
type instanceRow struct {
	series   *seriesRow
	id       int64
	sop      string
	number   int64
	version  int
	raw      []byte
	set      *dataset.Set
	instance *storage.Instance // when retrieving
}

const instanceResult = `i.series, i.id, i.sop, i.number, i.version, i.attributes`

// scan reads an instance of one of the series.
func (in *instanceRow) scan(r scanner, of []*seriesRow) error {
	var series int64
	err := r.Scan(&series, &in.id, &in.sop, &in.number, &in.version, &in.raw)
	in.in(series, of)
	return err
}

func (in *instanceRow) in(series int64, of []*seriesRow) {
	for _, se := range of {
		if se.id == series {
			in.series = se
		}
	}
}

func (in *instanceRow) attributes() (*dataset.Set, error) {
	if in.set != nil {
		return in.set, nil
	}
	var err error
	in.set, err = decode(in.raw)
	return in.set, err
}

func (in *instanceRow) joined() (*dataset.Set, error) {
	own, err := in.attributes()
	if err != nil {
		return nil, err
	}
	above, err := in.series.joined()
	if err != nil {
		return nil, err
	}
	return join(above, own), nil
}

func (in *instanceRow) identity() storage.Identity {
	st := in.series.study
	return storage.Identity{Facility: st.facility.name, Study: dicom.UID(st.uid), Series: dicom.UID(in.series.uid), SOP: dicom.UID(in.sop)}
}

// retrieveResult is what retrieval needs of an instance, with the source and
// the place of the first bulk value, which is nearly always the only one.
const (
	retrieveResult = `i.series, i.id, i.sop, i.number, i.version, i.served, i.digest, i.manifest, i.head_segment, i.head_offset, i.head_length,
		i.env_segment, i.env_offset, i.env_length, i.env_tail, i.received, i.seq, i.torn, i.kept, i.frames,
		o.protocol, o.peer, o.address, b.id IS NOT NULL, coalesce(b.segment, 0), coalesce(b.offset, 0), coalesce(b.length, 0)`
	retrieveJoin = ` CROSS JOIN source o ON o.id = i.source LEFT JOIN blob b ON b.id = i.blob`
)

// scanRetrieve reads an instance with all but the places of further bulk values.
func (in *instanceRow) scanRetrieve(r scanner, of []*seriesRow) error {
	x := &storage.Instance{}
	var digest, manifest []byte
	var series, received, seq int64
	var first storage.Place
	var found bool
	err := r.Scan(&series, &in.id, &in.sop, &in.number, &in.version, &x.Served, &digest, &manifest, &x.Head.Segment, &x.Head.Offset, &x.Head.Length,
		&x.Envelope.Segment, &x.Envelope.Offset, &x.Envelope.Length, &x.EnvelopeTail, &received, &seq, &x.Torn, &x.Kept, &x.Frames,
		&x.Source.Protocol, &x.Source.Peer, &x.Source.Address, &found, &first.Segment, &first.Offset, &first.Length)
	if err != nil {
		return err
	}
	if x.Manifest, err = storage.ParseManifest(manifest); err != nil {
		return halong.E("sqlite.Instances", halong.Corrupt, in.sop, err)
	}
	if len(x.Manifest.Bulk) > 0 {
		if !found {
			return halong.E("sqlite.Instances", halong.Corrupt, in.sop, errNoBlob)
		}
		x.Manifest.Bulk[0].Place = first
	}
	in.in(series, of)
	x.Identity = in.identity()
	if x.Patient, err = in.series.study.servedAs(); err != nil {
		return err
	}
	copy(x.Digest[:], digest)
	x.ID, x.Version, x.Seq, x.Received = in.id, in.version, uint64(seq), time.UnixMicro(received).UTC()
	in.instance = x
	return nil
}
