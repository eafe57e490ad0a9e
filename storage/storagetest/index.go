package storagetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// Index checks storage.Index. open gives an empty index and closes it when the test ends.
func Index(t *testing.T, open func(t testing.TB) storage.Index) {
	for _, s := range []struct {
		name string
		run  func(*testing.T, storage.Index)
	}{
		{"update", indexUpdate},
		{"events", indexEvents},
		{"add", indexAdd},
		{"versions", indexVersions},
		{"kept", indexKept},
		{"delete", indexDelete},
		{"fill", indexFill},
		{"retrieve", indexRetrieve},
		{"many", indexMany},
		{"find", indexFind},
		{"find below", indexFindBelow},
		{"order", indexOrder},
		{"after", indexAfter},
		{"stamp", indexStamp},
		{"scope", indexScope},
		{"merge", indexMerge},
		{"blobs", indexBlobs},
		{"references", indexReferences},
		{"collection", indexCollection},
		{"revival", indexRevival},
		{"moves", indexMoves},
		{"generation", indexGeneration},
		{"quarantine", indexQuarantine},
		{"removals", indexRemovals},
		{"rejections", indexRejections},
		{"describe", indexDescribe},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, open(t)) })
	}
	t.Run("deterministic", func(t *testing.T) { indexDeterministic(t, open) })
	t.Run("model", func(t *testing.T) { indexModel(t, open) })
	t.Run("removal model", func(t *testing.T) { indexRemovalModel(t, open) })
}

// Object describes a SOP Instance for tests of an index. Empty strings are
// absent attributes; an empty Facility is the default one.
type Object struct {
	Facility                           halong.Facility
	Study, Series, SOP                 string
	Date, Time, ID, Name, Accession    string // of the study
	Birth, Referring, Description      string
	Modality, SeriesNumber, SeriesText string
	Number                             string
	Content                            string             // other content: other digest
	Bulk                               []storage.BlobInfo // must have rows before
	HeadApart                          bool               // the last of Bulk is the head
	Seq                                uint64
	Kept                               bool // see storage.Instance.Kept
}

// Arrived is when objects of tests arrive.
var Arrived = time.Date(2026, 11, 21, 20, 53, 1, 234567000, time.UTC)

const ctStorage dicom.UID = "1.2.840.10008.5.1.4.1.1.2"

// Instance gives what the index is told of the object.
func (o Object) Instance() *storage.NewInstance {
	if o.Facility == "" {
		o.Facility = halong.DefaultFacility
	}
	n := &storage.NewInstance{
		Instance: storage.Instance{
			Identity: storage.Identity{Facility: o.Facility, Study: dicom.UID(o.Study), Series: dicom.UID(o.Series), SOP: dicom.UID(o.SOP)},
			Head:     storage.Place{Segment: 7, Offset: 1000, Length: 5500},
			Envelope: storage.Place{Segment: 7, Offset: 700, Length: 300}, EnvelopeTail: 2,
			Frames: []byte("frames of " + o.SOP), Received: Arrived,
			Source: halong.Source{Protocol: "C-STORE", Peer: "CT1", Address: "10.1.0.7"}, Seq: o.Seq, Kept: o.Kept,
		},
		BulkInfo: o.Bulk,
	}
	n.Manifest = storage.Manifest{
		SOPClass: ctStorage, SOPInstance: n.SOP, TransferSyntax: dicom.ExplicitVRLittleEndian,
		Head: sha256.Sum256([]byte(o.Content + o.SOP)), HeadLength: 5500,
	}
	bulk := o.Bulk
	if o.HeadApart {
		n.Head = storage.Place{Length: 5500}
		n.Manifest.Head = bulk[len(bulk)-1].Digest
		bulk = bulk[:len(bulk)-1]
	}
	for i, b := range bulk {
		n.Manifest.Bulk = append(n.Manifest.Bulk, storage.Bulk{Tag: tag.PixelData, Offset: int64(1000 * i), Length: b.Size, Digest: b.Digest})
	}
	n.Digest = n.Manifest.Digest()
	n.StudyAttributes = attributes([]attribute{
		{tag.StudyDate, dicom.DA, o.Date},
		{tag.StudyTime, dicom.TM, o.Time},
		{tag.AccessionNumber, dicom.SH, o.Accession},
		{tag.ReferringPhysicianName, dicom.PN, o.Referring},
		{tag.StudyDescription, dicom.LO, o.Description},
		{tag.PatientName, dicom.PN, o.Name},
		{tag.PatientID, dicom.LO, o.ID},
		{tag.PatientBirthDate, dicom.DA, o.Birth},
		{tag.StudyInstanceUID, dicom.UI, o.Study},
	})
	n.SeriesAttributes = attributes([]attribute{
		{tag.Modality, dicom.CS, o.Modality},
		{tag.SeriesDescription, dicom.LO, o.SeriesText},
		{tag.SeriesInstanceUID, dicom.UI, o.Series},
		{tag.SeriesNumber, dicom.IS, o.SeriesNumber},
	})
	n.InstanceAttributes = attributes([]attribute{
		{tag.SOPClassUID, dicom.UI, string(ctStorage)},
		{tag.SOPInstanceUID, dicom.UI, o.SOP},
		{tag.InstanceNumber, dicom.IS, o.Number},
		{tag.ContentDescription, dicom.LO, o.Content},
	})
	return n
}

type attribute struct {
	tag   dicom.Tag
	vr    dicom.VR
	value string
}

func attributes(all []attribute) *dataset.Set {
	s := &dataset.Set{}
	for _, a := range all {
		if a.value != "" {
			s.PutString(a.tag, a.vr, a.value)
		}
	}
	return s
}

// Blob makes the description of a blob with the content.
func Blob(content string) storage.BlobInfo {
	return storage.BlobInfo{Digest: sha256.Sum256([]byte(content)), Size: int64(len(content)), Prefix: uint64(len(content)) << 56}
}

// update runs fn and fails the test on an error.
func update(t testing.TB, x storage.Index, fn func(halong.Tx) error) {
	t.Helper()
	if err := x.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// add adds objects, each in a transaction of its own, with their blobs.
func add(t testing.TB, x storage.Index, policy storage.VersionPolicy, objects ...Object) (last storage.Added) {
	t.Helper()
	for _, o := range objects {
		update(t, x, func(tx halong.Tx) (err error) {
			for _, b := range o.Bulk {
				if _, _, err := x.AddBlob(tx, b, placeOf(b)); err != nil {
					return err
				}
			}
			last, err = x.AddInstance(tx, o.Instance(), policy)
			return err
		})
	}
	return last
}

// placeOf gives a place that depends on the blob.
func placeOf(b storage.BlobInfo) *storage.Place {
	return &storage.Place{Segment: 3, Offset: int64(b.Digest[0])<<8 | int64(b.Digest[1]), Length: b.Size}
}

func remove(t testing.TB, x storage.Index, o Object) {
	t.Helper()
	update(t, x, func(tx halong.Tx) error {
		n := o.Instance()
		return x.DeleteInstance(tx, n.Identity, n.Digest)
	})
}

// key makes a matching key: "PatientID=x", "0020000D=1.2\1.3".
func key(t testing.TB, s string) query.Key {
	t.Helper()
	name, value, _ := strings.Cut(s, "=")
	e, ok := dicom.LookupKeyword(name)
	if !ok {
		t.Fatalf("no attribute is called %s", name)
	}
	k, err := query.Parse([]dicom.Tag{e.Tag}, e.VR, value)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// find gives the matches as lines "study [series [instance]]", the last components of UIDs only.
func find(t testing.TB, x storage.Index, scope halong.Scope, q storage.Query, keys ...string) []string {
	t.Helper()
	var got []string
	for _, r := range rows(t, x, scope, q, keys...) {
		got = append(got, shortID(r.Identity))
	}
	return got
}

func rows(t testing.TB, x storage.Index, scope halong.Scope, q storage.Query, keys ...string) []storage.Row {
	t.Helper()
	for _, s := range keys {
		q.Keys = append(q.Keys, key(t, s))
	}
	var got []storage.Row
	for row, err := range x.Find(context.Background(), scope, q) {
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(row.Attributes.Elements); i++ {
			if row.Attributes.Elements[i-1].Tag >= row.Attributes.Elements[i].Tag {
				t.Fatalf("attributes are not sorted: %v before %v", row.Attributes.Elements[i-1].Tag, row.Attributes.Elements[i].Tag)
			}
		}
		got = append(got, row)
	}
	return got
}

// retrieve gives what Instances gives.
func retrieve(t testing.TB, x storage.Index, scope halong.Scope, ref storage.Ref) []*storage.Instance {
	t.Helper()
	var got []*storage.Instance
	for in, err := range x.Instances(context.Background(), scope, ref) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, in)
	}
	return got
}

func shortID(id storage.Identity) string {
	s := short(id.Study)
	if id.Series != "" {
		s += " " + short(id.Series)
	}
	if id.SOP != "" {
		s += " " + short(id.SOP)
	}
	if id.Facility != halong.DefaultFacility {
		s += " of " + string(id.Facility)
	}
	return s
}

func short(u dicom.UID) string { return string(u[strings.LastIndexByte(string(u), '.')+1:]) }

func wantKind(t testing.TB, err error, kind halong.Kind) {
	t.Helper()
	var e *halong.Error
	if err == nil || !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("error %v, want one of kind %v", err, kind)
	}
}

// tree makes objects in studies of series of instances: UIDs 1.2.i, 1.2.i.j, 1.2.i.j.k.
func tree(studies, series, instances int, change func(i, j, k int, o *Object)) (all []Object) {
	for i := range studies {
		for j := range series {
			for k := range instances {
				o := Object{
					Study: fmt.Sprintf("1.2.%d", i+1), Series: fmt.Sprintf("1.2.%d.%d", i+1, j+1), SOP: fmt.Sprintf("1.2.%d.%d.%d", i+1, j+1, k+1),
					Date: fmt.Sprintf("202601%02d", i%28+1), ID: fmt.Sprintf("ID%d", i+1), Name: "Nguyễn^Văn A", Modality: "CT",
					SeriesNumber: fmt.Sprint(j + 1), Number: fmt.Sprint(k + 1), Seq: uint64(len(all) + 1),
				}
				if change != nil {
					change(i, j, k, &o)
				}
				all = append(all, o)
			}
		}
	}
	return all
}
