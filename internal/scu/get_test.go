package scu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
)

// stored is an object that archive has.
type stored struct {
	class, instance, syntax dicom.UID
	study, series           dicom.UID
	data                    string
}

// archive answers C-FIND by levels, and C-GET with everything it has, as far as the peer takes it.
type archive struct {
	objects []stored
	classes bool // whether it tells SOP Classes in Study
	rounds  int
	endless bool // answers without end, until cancelled
}

func (x *archive) mux(find bool) *dimse.Mux {
	m := &dimse.Mux{}
	accepts := func(dicom.UID) bool { return true }
	if find {
		m.Handle(studyRoot+"1", dimse.Offer{Service: serviceOf(x.find), Accepts: accepts})
	}
	m.Handle(studyRoot+"3", dimse.Offer{Service: serviceOf(x.get), Accepts: accepts})
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: serviceOf(x.get), Accepts: accepts, PeerSCP: true})
	return m
}

func identifier(rq *dimse.Request) (*dataset.Set, *dicom.TransferSyntax, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(rq.Data); err != nil {
		return nil, nil, err
	}
	ts, _ := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	s, err := dataset.Parse(b.Bytes(), ts, dataset.Limits{})
	return s, ts, err
}

func (x *archive) find(ctx context.Context, rq *dimse.Request) dimse.Response {
	q, ts, err := identifier(rq)
	if err != nil {
		return dimse.Answer(dimse.UnableToProcess)
	}
	said := map[dicom.UID]bool{}
	for _, o := range x.objects {
		s := &dataset.Set{}
		key := o.study
		s.PutString(tag.StudyInstanceUID, dicom.UI, string(o.study))
		if level := q.String(tag.QueryRetrieveLevel); level != "STUDY" {
			key = o.series
			s.PutString(tag.SeriesInstanceUID, dicom.UI, string(o.series))
			if level == "IMAGE" {
				key = o.instance
				s.PutString(tag.SOPInstanceUID, dicom.UI, string(o.instance))
				s.PutString(tag.SOPClassUID, dicom.UI, string(o.class))
			}
		}
		if x.classes && q.Get(tag.SOPClassesInStudy) != nil {
			var all []string
			for _, o := range x.objects {
				all = append(all, string(o.class))
			}
			s.PutString(tag.SOPClassesInStudy, dicom.UI, all...)
		}
		if u := q.UID(tag.SeriesInstanceUID); said[key] || u != "" && u != o.series {
			continue
		}
		said[key] = true
		r := dimse.Answer(dimse.Pending)
		r.Data = s.Append(nil, ts)
		for ok := true; ok; ok = x.endless && ctx.Err() == nil {
			if err := rq.Pending(r); err != nil {
				return dimse.Answer(dimse.UnableToProcess)
			}
			if x.endless {
				stop := rq.Watch()
				stop()
			}
		}
	}
	if errors.Is(context.Cause(ctx), dimse.ErrCancelled) {
		return dimse.Answer(dimse.Cancelled)
	}
	return dimse.Answer(dimse.Success)
}

func (x *archive) get(ctx context.Context, rq *dimse.Request) dimse.Response {
	_, ts, err := identifier(rq)
	if err != nil {
		return dimse.Answer(dimse.UnableToProcess)
	}
	x.rounds++
	var done, failed uint16
	var list []string
	for i := 0; i < len(x.objects) && ctx.Err() == nil; i++ {
		o := x.objects[i]
		_, err := rq.Association.Store(context.WithoutCancel(ctx), o.class, o.instance, o.syntax, bytes.NewReader([]byte(o.data)))
		if err != nil {
			failed++
			list = append(list, string(o.instance))
		} else {
			done++
		}
		if x.endless {
			i = -1
		}
	}
	r := dimse.Answer(dimse.Success)
	if failed > 0 {
		r.Status = dimse.SubOperationsIncomplete
		if done == 0 {
			r.Status = dimse.UnableToPerformSubOperations
		}
		s := &dataset.Set{}
		s.PutString(tag.FailedSOPInstanceUIDList, dicom.UI, list...)
		r.Data = s.Append(nil, ts)
	}
	if errors.Is(context.Cause(ctx), dimse.ErrCancelled) {
		r.Status = dimse.Cancelled
	}
	r.Completed, r.Failed = &done, &failed
	return r
}

func ofStudy(u dicom.UID) Query {
	q := Query{Level: "STUDY", Keys: &dataset.Set{}}
	q.Keys.PutString(tag.StudyInstanceUID, dicom.UI, string(u))
	return q
}

// manyClasses gives an object of each of n SOP Classes, in three series.
func manyClasses(n int) (list []stored) {
	for i, c := range dicom.StorageSOPClasses()[:n] {
		list = append(list, stored{c.UID, dicom.UID(fmt.Sprintf("1.2.%d", i)), dicom.ExplicitVRLittleEndian, "1.1", dicom.UID(fmt.Sprintf("1.1.%d", i%3)), "data"})
	}
	return list
}

// TestN11GetManyClasses: more SOP Classes than an Association has room for come in several, whether the peer tells them for the study
// or for each object alone.
func TestN11GetManyClasses(t *testing.T) {
	for _, told := range []bool{true, false} {
		x := &archive{objects: manyClasses(150), classes: told}
		dir := t.TempDir()
		r, err := Get(t.Context(), Target{Address: serve(t, &dimse.Server{Mux: x.mux(true)})}, ofStudy("1.1"), nil, dir, nil)
		if err != nil || r.Completed != 150 || r.Failed != 0 || r.Status != dimse.Success || len(r.Instances) != 0 {
			t.Errorf("told %v: %+v, %v", told, r, err)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 150 || x.rounds < 2 {
			t.Errorf("told %v: %d files in %d rounds", told, len(files), x.rounds)
		}
	}
}

// TestN11GetUnknownClasses: from a peer that answers no query the common classes come first, then the others; what nobody
// knows of is told as failed.
func TestN11GetUnknownClasses(t *testing.T) {
	x := &archive{objects: []stored{
		{"1.2.840.10008.5.1.4.1.1.2", "1.1", dicom.ExplicitVRLittleEndian, "1", "1.1", "CT"},
		{"1.2.840.10008.5.1.4.1.1.9.1.1", "1.2", dicom.ExplicitVRLittleEndian, "1", "1.1", "ECG"},
	}}
	addr := serve(t, &dimse.Server{Mux: x.mux(false)})
	r, err := Get(t.Context(), Target{Address: addr}, ofStudy("1"), nil, t.TempDir(), nil)
	if err != nil || r.Completed != 2 || r.Failed != 0 || len(r.Instances) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	x.objects = append(x.objects, stored{"2.25.99", "1.3", dicom.ExplicitVRLittleEndian, "1", "1.1", "private"})
	r, err = Get(t.Context(), Target{Address: addr}, ofStudy("1"), nil, t.TempDir(), nil)
	if !errors.Is(err, ErrNotAll) || r.Completed != 2 || r.Failed != 1 || !cmp.Equal(r.Instances, []dicom.UID{"1.3"}) {
		t.Errorf("%+v, %v", r, err)
	}
	x.objects = x.objects[2:]
	r, err = Get(t.Context(), Target{Address: addr}, ofStudy("1"), []dicom.UID{"1.2.840.10008.5.1.4.1.1.2"}, t.TempDir(), nil)
	if err == nil || errors.Is(err, ErrNotAll) || r.Completed != 0 || r.Failed != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestGetSyntaxes: objects of one class in several Transfer Syntaxes come as they are stored.
func TestGetSyntaxes(t *testing.T) {
	x := &archive{classes: true}
	for i, ts := range []dicom.UID{
		dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian,
		"1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.102",
	} {
		x.objects = append(x.objects, stored{"1.2.840.10008.5.1.4.1.1.7", dicom.UID(fmt.Sprintf("1.2.%d", i)), ts, "1", "1.1", "as it is stored " + string(ts)})
	}
	dir := t.TempDir()
	r, err := Get(t.Context(), Target{Address: serve(t, &dimse.Server{Mux: x.mux(true)})}, ofStudy("1"), nil, dir, nil)
	if err != nil || r.Completed != len(x.objects) || x.rounds != 1 {
		t.Errorf("%+v, %v, %d rounds", r, err, x.rounds)
	}
	for _, o := range x.objects {
		b, err := os.ReadFile(filepath.Join(dir, string(o.instance)+".dcm"))
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := dataset.ReadFileHeader(bytes.NewReader(b), dataset.Limits{})
		if err != nil || h.TransferSyntax != o.syntax || string(b[len(h.Raw):]) != o.data {
			t.Errorf("%s: %s, %v, %q", o.syntax, h.TransferSyntax, err, b[len(h.Raw):])
		}
	}
}

// TestGetFolderGone: when files cannot be written that is what is told.
func TestGetFolderGone(t *testing.T) {
	x := &archive{objects: manyClasses(2), classes: true}
	_, err := Get(t.Context(), Target{Address: serve(t, &dimse.Server{Mux: x.mux(true)})}, ofStudy("1.1"), nil, filepath.Join(t.TempDir(), "missing"), nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestN14Interrupted: when the caller ends, C-FIND and C-GET are cancelled with C-CANCEL and the Association is released.
func TestN14Interrupted(t *testing.T) {
	for _, what := range []string{"find", "get"} {
		t.Run(what, func(t *testing.T) {
			x := &archive{objects: manyClasses(1), endless: true}
			ended := &ends{all: make(chan error, 8)}
			target := Target{Address: serve(t, &dimse.Server{Mux: x.mux(true), Observe: ended})}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var err error
			if what == "find" {
				n := 0
				_, err = Find(ctx, target, ofStudy("1.1"), func(*dataset.Set) error {
					if n++; n == 10 {
						cancel()
					}
					return nil
				})
			} else {
				in := &counting{n: 10, then: cancel}
				target.Dial = in.dial
				_, err = Get(ctx, target, ofStudy("1.1"), []dicom.UID{x.objects[0].class}, t.TempDir(), nil)
			}
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if err := <-ended.all; err != nil {
				t.Errorf("the association was not released: %v", err)
			}
		})
	}
}

// TestN14SilentPeer: a peer that has said nothing yet gets the C-CANCEL as well.
func TestN14SilentPeer(t *testing.T) {
	asked := make(chan struct{})
	m := &dimse.Mux{}
	m.Handle(studyRoot+"2", dimse.Offer{Accepts: func(dicom.UID) bool { return true }, Service: serviceOf(func(ctx context.Context, rq *dimse.Request) dimse.Response {
		if _, _, err := identifier(rq); err != nil {
			t.Error(err)
		}
		defer rq.Watch()()
		close(asked)
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), dimse.ErrCancelled) {
			t.Error(context.Cause(ctx))
		}
		return dimse.Answer(dimse.Cancelled)
	})})
	ended := &ends{all: make(chan error, 1)}
	addr := serve(t, &dimse.Server{Mux: m, Observe: ended})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := Move(ctx, Target{Address: addr}, ofStudy("1"), "TO", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-ended.all; err != nil {
		t.Errorf("the association was not released: %v", err)
	}
}
