package dicomweb

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	dicomjson "github.com/halong-gateway/halong/dicom/json"
	"github.com/halong-gateway/halong/dicomweb/multipart"
)

// Bounds of one request with metadata.
const (
	maxModel     = 32 << 20 // bytes of metadata, or an eighth of Config.Metadata if that is less
	maxInstances = 20_000   // what is noted of an instance takes far more memory than the two bytes of an empty one
	maxBulkParts = 100_000  // that are noted
)

// modelIntake takes instances whose metadata come in JSON or XML and whose bulk data come in parts of their own (PS3.18
// 10.5.1.2.2). Both wait in one temporary file until the last part was read, short metadata in memory: nothing is decoded while
// a client that may be slow still sends.
type modelIntake struct {
	*intake
	media     string // of the metadata
	size      int64  // of the metadata so far
	models    []modelPart
	broken    []error // parts that could not be read
	instances int
	spool     *os.File
	end       int64
	parts     int
	bulk      map[string][]bulkPart // by Content-Location
}

// modelPart is a part with metadata: short ones are kept, others lie in the spool.
type modelPart struct {
	short []byte
	at    bulkPart
}

// bulkPart is one part with bulk data.
type bulkPart struct {
	media        multipart.MediaType
	offset, size int64 // in the spool
}

// storeModel reads the parts, then stores the instances.
func (in *intake) storeModel(body io.Reader, m multipart.MediaType) (err error) {
	t, err := multipart.ParseMediaType(m.Get("type"))
	if err != nil {
		return fail(http.StatusUnsupportedMediaType, "Content-Type is malformed.")
	}
	r, err := multipart.NewReader(body, m.Get("boundary"), in.q.Limits)
	if err != nil {
		return fail(http.StatusBadRequest, "The boundary of Content-Type is malformed.")
	}
	mi := &modelIntake{intake: in, media: t.Type, bulk: map[string][]bulkPart{}}
	defer func() { err = errors.Join(err, mi.close()) }()
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		var bad *multipart.HeaderError
		if errors.As(err, &bad) { // what it was is not known; instances that need it will lack it
			mi.broken = append(mi.broken, halong.E("dicomweb.store", halong.Invalid, "", err))
			continue
		}
		if err == nil {
			err = mi.read(p)
		}
		if err != nil {
			return asPartError(err)
		}
	}
	if len(mi.models)+len(mi.broken) == 0 {
		return fail(http.StatusBadRequest, "The request has no metadata.")
	}
	return mi.storeAll()
}

// storeAll decodes the metadata, one part after the other, and stores what they describe.
func (mi *modelIntake) storeAll() error {
	large := mi.size > shortModel
	done, err := mi.q.decoding.enter(mi.q.ctx, large)
	if err != nil {
		return err
	}
	defer done()
	decoded := make([][]dicomjson.Object, len(mi.models))
	for i := range mi.models {
		if mi.media == mediaXML {
			continue // one part for each instance: one after the other, below
		}
		if decoded[i], err = mi.decode(mi.models[i]); err != nil {
			return tooLarge(err)
		}
	}
	for _, err := range mi.broken {
		mi.refused(err)
	}
	for i, list := range decoded {
		if mi.media == mediaXML {
			if list, err = mi.decode(mi.models[i]); err != nil {
				mi.refused(err)
			}
		}
		for j, o := range list {
			mi.store(o, large)
			list[j] = dicomjson.Object{} // with its bulk data, which many instances may name
		}
		decoded[i], mi.models[i].short = nil, nil
	}
	return mi.wait()
}

// decode gives what a part describes. Of JSON, what cannot be understood is noted; an error is about the request.
func (mi *modelIntake) decode(m modelPart) (list []dicomjson.Object, err error) {
	const op = "dicomweb.store"
	b := m.short
	if b == nil {
		b = make([]byte, m.at.size)
		if _, err := io.ReadFull(mi.content(m.at), b); err != nil {
			return nil, halong.E(op, halong.Internal, "", err)
		}
	}
	lim := mi.q.decoding.limits(mi.size > shortModel)
	if mi.media == mediaXML {
		var o dicomjson.Object
		o.Set, o.Bulk, err = dicomjson.DecodeXML(b, lim)
		list = append(list, o)
	} else {
		list, err = dicomjson.DecodeAll(b, lim)
	}
	switch {
	case errors.Is(err, dataset.ErrLimit):
		return nil, halong.E(op, halong.Exhausted, "", err)
	case err != nil && mi.media == mediaXML:
		return nil, halong.E(op, halong.Invalid, "", err)
	case err != nil:
		mi.broken = append(mi.broken, halong.E(op, halong.Invalid, "", err))
		return nil, nil
	}
	if mi.instances += len(list); mi.instances > maxInstances {
		return nil, halong.E(op, halong.Exhausted, "", multipart.ErrParts)
	}
	return list, nil
}

// tooLarge answers 413 for what goes beyond a limit of decoding.
func tooLarge(err error) error {
	if errors.Is(err, dataset.ErrLimit) || errors.Is(err, multipart.ErrParts) {
		return &problem{http.StatusRequestEntityTooLarge, "The metadata are too large.", err}
	}
	return err
}

// asPartError tells what is wrong with the body from what is wrong here.
func asPartError(err error) error {
	var own *halong.Error
	if errors.As(err, &own) {
		return err
	}
	return unreadable(err)
}

// store stores one instance, or tells why it cannot be put together. Large values other than pixels, which have to be in memory, are
// so for one request at a time; alone says that this one is it.
func (mi *modelIntake) store(o dicomjson.Object, alone bool) {
	if !alone && mi.inMemory(o) > shortModel {
		done, err := mi.q.decoding.enter(mi.q.ctx, true)
		if err != nil {
			mi.failed(o, err)
			return
		}
		defer done()
		defer func() { <-mi.items[len(mi.items)-1].done }()
	}
	r, err := mi.build(o)
	if err != nil {
		mi.failed(o, err)
		return
	}
	mi.part(r)
}

func (mi *modelIntake) failed(o dicomjson.Object, err error) {
	mi.refused(err)
	it := mi.items[len(mi.items)-1]
	it.receipt.SOPClass, it.receipt.SOP = named(o.Set)
}

// wait waits until nothing reads the spool any more.
func (in *intake) wait() error {
	for _, it := range in.items {
		<-it.done
	}
	return in.q.ctx.Err()
}

func (mi *modelIntake) close() error {
	if mi.spool == nil {
		return nil
	}
	return mi.spool.Close()
}

// read reads one part: metadata if it is of their type, else bulk data.
func (mi *modelIntake) read(p *multipart.Part) error {
	m, err := multipart.ParseMediaType(p.Header.Get("Content-Type"))
	if err == nil && (m.Type == mi.media || mi.media == mediaJSON && m.Type == "application/json") {
		return mi.metadata(p)
	}
	part, err := mi.keep(p, m)
	if err != nil {
		return err
	}
	if mi.parts++; mi.parts > maxBulkParts {
		return multipart.ErrParts
	}
	at := locationKey(p.Header.Get("Content-Location"))
	mi.bulk[at] = append(mi.bulk[at], part)
	return nil
}

func (mi *modelIntake) metadata(p *multipart.Part) error {
	most := min(maxModel, mi.q.decoding.total/8)
	var m modelPart
	var err error
	if short := shortModel - mi.size; short > 0 {
		if m.short, err = io.ReadAll(io.LimitReader(p, short+1)); err != nil {
			return err
		}
		if mi.size += int64(len(m.short)); mi.size <= shortModel {
			mi.models = append(mi.models, m)
			return mi.countModels()
		}
	}
	if m.at, err = mi.keep(io.MultiReader(bytes.NewReader(m.short), io.LimitReader(p, most-mi.size+1)), multipart.MediaType{}); err != nil {
		return err
	}
	if mi.size += m.at.size - int64(len(m.short)); mi.size > most {
		return multipart.ErrPartSize
	}
	mi.models = append(mi.models, modelPart{at: m.at})
	return mi.countModels()
}

func (mi *modelIntake) countModels() error {
	if len(mi.models) > maxInstances {
		return multipart.ErrParts
	}
	return nil
}

// keep puts a part into the spool. The file has no name, so that nothing is left of it whatever happens.
func (mi *modelIntake) keep(p io.Reader, m multipart.MediaType) (bulkPart, error) {
	if mi.spool == nil {
		f, err := os.CreateTemp(mi.q.Spool, "halong-stow-")
		if err != nil {
			return bulkPart{}, halong.E("dicomweb.store", halong.Exhausted, "", err)
		}
		mi.spool = f
		if err := os.Remove(f.Name()); err != nil {
			return bulkPart{}, halong.E("dicomweb.store", halong.Internal, "", err)
		}
	}
	n, err := io.Copy(spoolWriter{mi.spool}, p)
	if err != nil {
		return bulkPart{}, err
	}
	mi.end += n
	return bulkPart{m, mi.end - n, n}, nil
}

// spoolWriter tells a full disk from a body that cannot be read.
type spoolWriter struct{ f *os.File }

// Write writes to the end of the spool.
func (w spoolWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = halong.E("dicomweb.store", halong.Exhausted, "", err)
	}
	return n, err
}

// locationKey makes URIs comparable that may be given absolute in one place and relative in the other: its path.
func locationKey(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	if u.Opaque != "" {
		return u.Scheme + ":" + u.Opaque
	}
	for len(u.Path) > 0 && u.Path[0] == '/' {
		u.Path = u.Path[1:]
	}
	return u.Path + "?" + u.RawQuery
}

// content reads a part.
func (mi *modelIntake) content(b bulkPart) *io.SectionReader {
	return io.NewSectionReader(mi.spool, b.offset, b.size)
}
