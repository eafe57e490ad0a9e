package dicomweb

import (
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

// Bounds of one request, whose metadata are held in memory until its last part was read.
const (
	maxModel     = 32 << 20 // bytes of metadata
	maxInstances = 20_000   // what is noted of an instance takes far more memory than the two bytes of an empty one
)

// modelIntake takes instances whose metadata come in JSON or XML and whose bulk data come in parts of their own (PS3.18
// 10.5.1.2.2). The bulk data wait in one temporary file until the last part was read.
type modelIntake struct {
	*intake
	media   string // of the metadata
	size    int64  // of the metadata so far
	objects []dicomjson.Object
	broken  []error // metadata that could not be read
	spool   *os.File
	end     int64
	bulk    map[string][]bulkPart // by Content-Location
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
	if len(mi.objects)+len(mi.broken) == 0 {
		return fail(http.StatusBadRequest, "The request has no metadata.")
	}
	for _, err := range mi.broken {
		in.refused(err)
	}
	for i, o := range mi.objects {
		in.stored(mi, o)
		mi.objects[i] = dicomjson.Object{} // with its bulk data, which many instances may name
	}
	return in.wait()
}

// asPartError tells what is wrong with the body from what is wrong here.
func asPartError(err error) error {
	var own *halong.Error
	if errors.As(err, &own) {
		return err
	}
	return unreadable(err)
}

// stored stores one instance, or tells why it cannot be put together.
func (in *intake) stored(mi *modelIntake, o dicomjson.Object) {
	r, err := mi.build(o)
	if err == nil {
		in.part(r)
		return
	}
	in.refused(err)
	it := in.items[len(in.items)-1]
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
	return mi.keep(p, m)
}

func (mi *modelIntake) metadata(p *multipart.Part) error {
	b, err := io.ReadAll(io.LimitReader(p, maxModel-mi.size+1))
	if err != nil {
		return err
	}
	if mi.size += int64(len(b)); mi.size > maxModel {
		return multipart.ErrPartSize
	}
	var list []dicomjson.Object
	if mi.media == mediaXML {
		var o dicomjson.Object
		o.Set, o.Bulk, err = dicomjson.DecodeXML(b, dataset.Limits{})
		list = append(list, o)
	} else {
		list, err = dicomjson.DecodeAll(b, dataset.Limits{})
	}
	if err != nil {
		mi.broken = append(mi.broken, halong.E("dicomweb.store", halong.Invalid, "", err))
		return nil
	}
	if mi.objects = append(mi.objects, list...); len(mi.objects) > maxInstances {
		return multipart.ErrParts
	}
	return nil
}

// keep puts bulk data into the spool. The file has no name, so that nothing is left of it whatever happens.
func (mi *modelIntake) keep(p *multipart.Part, m multipart.MediaType) error {
	if mi.spool == nil {
		f, err := os.CreateTemp("", "halong-stow-")
		if err != nil {
			return halong.E("dicomweb.store", halong.Exhausted, "", err)
		}
		mi.spool = f
		if err := os.Remove(f.Name()); err != nil {
			return halong.E("dicomweb.store", halong.Internal, "", err)
		}
	}
	n, err := io.Copy(mi.spool, p)
	if err != nil {
		return err
	}
	at := locationKey(p.Header.Get("Content-Location"))
	mi.bulk[at] = append(mi.bulk[at], bulkPart{m, mi.end, n})
	mi.end += n
	return nil
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
