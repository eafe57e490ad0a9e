package scp

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"log/slog"
	"strconv"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// Archive finds and opens what is stored. *storage.Archive has these methods; see there. Nothing of the index may be held
// while a caller of Find or Instances works on a row: answers go out at the peer's pace.
type Archive interface {
	Find(ctx context.Context, scope halong.Scope, q storage.Query) iter.Seq2[storage.Row, error]
	Instances(ctx context.Context, scope halong.Scope, ref storage.Ref) iter.Seq2[*storage.Instance, error]
	Open(ctx context.Context, in *storage.Instance) (*storage.Object, error)
	// Check reads all bytes again and compares digests.
	Check(ctx context.Context, in *storage.Instance) error
}

const (
	// maxHeads is how many objects one C-FIND opens for attributes that are not indexed. If they are keys it fails there; if
	// they are only to be returned, later answers have them empty and say so.
	maxHeads = 10_000
	// maxPatients is how many patients are kept in mind in one C-FIND at PATIENT level.
	maxPatients = 200_000
)

// findService serves C-FIND of one information model (PS3.4 C.4.1).
type findService struct {
	archive Archive
	model   *model
	ae      string
	log     *slog.Logger
}

// Serve implements dimse.Service.
func (s *findService) Serve(ctx context.Context, rq *dimse.Request) dimse.Response {
	peer, ok := rq.Association.Session.(*session)
	switch {
	case rq.Command.Field != dimse.CFindRQ:
		return dimse.Answer(dimse.UnrecognizedOperation)
	case !ok:
		return dimse.Answer(dimse.UnableToProcess)
	}
	x, err := readIdentifier(rq, s.model)
	if err == nil {
		err = errors.Join(x.above(), x.take())
	}
	if err != nil {
		return failure(err)
	}
	defer rq.Watch()()
	f := &find{identifier: x, service: s, rq: rq, scope: peer.scope, ae: s.ae}
	if peer.title != "" {
		f.ae = peer.title
	}
	if err := f.run(ctx); err != nil && ctx.Err() == nil {
		resp := failure(err)
		s.log.Warn("query failed", "status", resp.Status.String(), "peer", peer.source.Peer, "error", err)
		return resp
	}
	if ctx.Err() != nil {
		return dimse.Answer(dimse.Cancelled)
	}
	return dimse.Answer(dimse.Success)
}

// find is one C-FIND being answered.
type find struct {
	*identifier
	service *findService
	rq      *dimse.Request
	scope   halong.Scope
	ae      string // our AE title, as the peer knows us
	heads   int
	extra   []dicom.Tag // attributes that are looked for in objects
}

func (f *find) run(ctx context.Context) error {
	f.extra = f.unindexed()
	if f.level == patientLevel {
		return f.patients(ctx)
	}
	for row, err := range f.rows(ctx) {
		if err == nil {
			err = f.send(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rows asks the index.
func (f *find) rows(ctx context.Context) iter.Seq2[storage.Row, error] {
	q := storage.Query{Level: f.level.stored(), Keys: f.keys, Rules: f.rules}
	return f.service.archive.Find(ctx, f.scope, q)
}

// send sends the pending response for a row, if what the index does not keep of it matches too.
func (f *find) send(ctx context.Context, row storage.Row) error {
	h, err := f.look(ctx, row)
	if err != nil || h.out {
		return err
	}
	return f.reply(row, h)
}

// reply sends a pending response.
func (f *find) reply(row storage.Row, h head) error {
	set, complete := f.answer(f.ae, row.Attributes, h)
	resp := dimse.Response{Command: dimse.Command{Status: dimse.Pending}, Data: f.encode(set)}
	if !complete {
		resp.Status = dimse.PendingOptionalMissing
	}
	return f.rq.Pending(resp)
}

// patients gives each patient once. What counts are wanted is summed up first.
func (f *find) patients(ctx context.Context) error {
	counts := false
	for _, w := range f.wanted {
		counts = counts || w.tag.Group() == 0x0020 && w.tag >= tag.NumberOfPatientRelatedStudies && w.tag <= tag.NumberOfPatientRelatedInstances
	}
	seen := map[[16]byte]*patientCount{}
	var order []*patientCount
	for row, err := range f.rows(ctx) {
		if err != nil {
			return err
		}
		key := patientKey(row)
		p, known := seen[key]
		if !known {
			if len(seen) == maxPatients {
				return halong.E("scp.find", halong.Exhausted, "", errors.New("too many patients for one query"))
			}
			if p, err = f.patient(ctx, row, counts); err != nil {
				return err
			}
			seen[key] = p
			if p != nil {
				order = append(order, p)
			}
		}
		if p != nil {
			p.add(row.Attributes)
		}
	}
	for _, p := range order {
		if err := f.reply(p.counted(), p.head); err != nil {
			return err
		}
	}
	return nil
}

// patient is called for the first study of a patient. It gives what counts the studies; nil when the answer was given
// already, or the patient does not match.
func (f *find) patient(ctx context.Context, row storage.Row, counts bool) (*patientCount, error) {
	h, err := f.look(ctx, row)
	switch {
	case err != nil || h.out:
		return nil, err
	case counts:
		return &patientCount{row: row, head: h}, nil
	}
	return nil, f.reply(row, h)
}

// patientKey tells patients apart: by Patient ID and who issued it, or the facility it comes from.
func patientKey(row storage.Row) (key [16]byte) {
	a := row.Attributes
	issuer := a.String(tag.IssuerOfPatientID)
	if issuer == "" {
		issuer = "\x00" + string(row.Facility)
	}
	text := a.String(tag.PatientID) + "\x00" + issuer
	if a.String(tag.PatientID) == "" {
		text = "\x00" + a.String(tag.PatientName) + "\x00" + a.String(tag.PatientBirthDate) + "\x00" + issuer
	}
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}

// patientCount sums up a patient's studies.
type patientCount struct {
	row                        storage.Row
	head                       head
	studies, series, instances int64
}

func (p *patientCount) add(study *dataset.Set) {
	series, _ := study.Int(tag.NumberOfStudyRelatedSeries)
	instances, _ := study.Int(tag.NumberOfStudyRelatedInstances)
	p.studies, p.series, p.instances = p.studies+1, p.series+series, p.instances+instances
}

func (p *patientCount) counted() storage.Row {
	a := p.row.Attributes
	a.PutString(tag.NumberOfPatientRelatedStudies, dicom.IS, strconv.FormatInt(p.studies, 10))
	a.PutString(tag.NumberOfPatientRelatedSeries, dicom.IS, strconv.FormatInt(p.series, 10))
	a.PutString(tag.NumberOfPatientRelatedInstances, dicom.IS, strconv.FormatInt(p.instances, 10))
	return p.row
}
