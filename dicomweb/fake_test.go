package dicomweb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// memory is an archive in memory: enough of one to test the edge.
type memory struct {
	mu      sync.Mutex
	stored  []*memoryObject
	fail    func(n int, sop dicom.UID) error // for the n-th Store, from 0
	calls   int
	queries []storage.Query
	opened  int
	closed  int
	find    error

	quarantined [][]byte // unread
	full        bool     // nothing can be put there
}

type memoryObject struct {
	storage.Instance
	set  *dataset.Set
	data []byte // data set as received
	flat []byte // inflated
	base int64
	m    *memory
}

func (m *memory) Quarantine(_ context.Context, in storage.Inbound, _ string) (storage.Receipt, error) {
	if m.full {
		return storage.Receipt{}, halong.E("memory.Quarantine", halong.Exhausted, "", nil)
	}
	b, err := io.ReadAll(in.Body)
	m.quarantined = append(m.quarantined, b)
	return storage.Receipt{Outcome: storage.Quarantined}, err
}

func (m *memory) Store(ctx context.Context, in storage.Inbound) (storage.Receipt, error) {
	m.mu.Lock()
	n := m.calls
	m.calls++
	m.mu.Unlock()
	h, body, err := dataset.ReadFileHeader(in.Body, dataset.Limits{})
	var syntax *dataset.SyntaxError
	if err != nil && !errors.As(err, &syntax) {
		return storage.Receipt{}, err
	}
	data, rerr := io.ReadAll(body)
	if rerr != nil {
		return storage.Receipt{}, rerr
	}
	unreadable := storage.Receipt{Outcome: storage.Quarantined}
	if in.Unkept {
		unreadable.Outcome = storage.OutcomeNone
	}
	if err != nil {
		return unreadable, halong.E("memory.Store", halong.Invalid, "", err)
	}
	o, err := newMemoryObject(m, in, h, data)
	if err != nil {
		return unreadable, halong.E("memory.Store", halong.Invalid, "", err)
	}
	r := storage.Receipt{Identity: o.Identity, SOPClass: o.Manifest.SOPClass, Outcome: storage.Stored, Version: 1}
	if in.Study != "" && in.Study != o.Study {
		return r, halong.E("memory.Store", halong.Invalid, string(o.SOP), storage.ErrDisagree)
	}
	if m.fail != nil {
		if err := m.fail(n, o.SOP); err != nil {
			return r, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.stored {
		if other.Identity == o.Identity {
			r.Outcome = storage.Duplicate
			return r, nil
		}
	}
	m.stored = append(m.stored, o)
	return r, nil
}

func newMemoryObject(m *memory, in storage.Inbound, h *dataset.FileHeader, data []byte) (*memoryObject, error) {
	ts, ok := dicom.LookupTransferSyntax(h.TransferSyntax)
	if !ok {
		return nil, fmt.Errorf("transfer syntax %q", h.TransferSyntax)
	}
	o := &memoryObject{m: m, data: data, flat: data}
	if ts.Deflated {
		var flat bytes.Buffer
		if _, err := dataset.Inflate(&flat, bytes.NewReader(data), dataset.Limits{}); err != nil {
			return nil, err
		}
		o.flat = flat.Bytes()
	}
	var err error
	if o.set, err = dataset.Parse(data, ts, dataset.Limits{}); err != nil {
		return nil, err
	}
	o.set.DecodeUTF8()
	o.Identity = storage.Identity{Facility: in.Facility, Study: o.set.UID(tag.StudyInstanceUID), Series: o.set.UID(tag.SeriesInstanceUID), SOP: o.set.UID(tag.SOPInstanceUID)}
	o.Manifest = storage.Manifest{SOPClass: o.set.UID(tag.SOPClassUID), SOPInstance: o.SOP, TransferSyntax: ts.UID, HeadLength: int64(len(data))}
	copy(o.Digest[:], o.SOP)
	o.Served = true
	if o.SOP == "" || o.Study == "" {
		return nil, errors.New("no UIDs")
	}
	return o, o.buildFrames()
}

// buildFrames makes the frame table as the archive does at ingest.
func (o *memoryObject) buildFrames() error {
	var b dataset.FrameBuilder
	found := false
	first := false
	for r := o.Reader(); ; {
		t, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if t.Depth > 0 {
			continue
		}
		switch {
		case t.Kind == dataset.DataElement && isPixels(t.Tag):
			o.base, found = t.ValueOffset, true
			b.Native(int64(t.Length), t.VR)
		case t.Kind == dataset.DataElement && t.Length < 1<<20:
			v, err := r.ValueLE()
			if err != nil {
				return err
			}
			b.Element(t.Tag, v)
		case t.Kind == dataset.FragmentsStart && isPixels(t.Tag):
			o.base, found, first = t.ValueOffset, true, true
		case t.Kind == dataset.Fragment && first:
			v, err := r.Value()
			if err != nil {
				return err
			}
			b.OffsetTable(v)
			first = false
		case t.Kind == dataset.Fragment:
			if err := r.Skip(); err != nil {
				return err
			}
			head, tail := r.Edges()
			b.Fragment(t.ValueOffset-o.base, int64(t.Length), head, tail)
		}
	}
	if found {
		if table, err := b.Table(); err == nil {
			o.Frames = table.Append([]byte{})
		}
	}
	return nil
}

func (o *memoryObject) DataSet() *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(o.data), 0, int64(len(o.data)))
}

func (o *memoryObject) Readable() *io.SectionReader { return o.DataSet() }
func (o *memoryObject) Size() int64                 { return int64(len(o.data)) }
func (o *memoryObject) Reader(opts ...dataset.Option) *dataset.Reader {
	return dataset.NewReader(bytes.NewReader(o.data), o.TransferSyntax(), opts...)
}

func (o *memoryObject) FrameTable() (*dataset.FrameTable, error) {
	if o.Frames == nil {
		return nil, halong.E("memory.FrameTable", halong.NotExist, string(o.SOP), nil)
	}
	return dataset.ParseFrameTable(o.Frames)
}

func (o *memoryObject) Frame(i int) (io.Reader, int64, error) {
	t, err := o.FrameTable()
	if err != nil {
		return nil, 0, err
	}
	f, err := t.Frame(i)
	if err != nil {
		return nil, 0, err
	}
	var all []io.Reader
	var n int64
	for _, r := range f.Ranges {
		s, err := o.Bulk(o.base+r.Offset, r.Length)
		if err != nil {
			return nil, 0, err
		}
		all, n = append(all, s), n+r.Length
	}
	if len(all) == 1 {
		return all[0], n, nil
	}
	return io.MultiReader(all...), n, nil
}

func (o *memoryObject) Bulk(offset, length int64) (*io.SectionReader, error) {
	if offset < 0 || offset+length > int64(len(o.flat)) {
		return nil, halong.E("memory.Bulk", halong.NotExist, string(o.SOP), nil)
	}
	return io.NewSectionReader(bytes.NewReader(o.flat), offset, length), nil
}

func (o *memoryObject) TransferSyntax() *dicom.TransferSyntax {
	ts, _ := dicom.LookupTransferSyntax(o.Manifest.TransferSyntax)
	return ts
}

func (o *memoryObject) Close() error {
	o.m.mu.Lock()
	defer o.m.mu.Unlock()
	o.m.closed++
	return nil
}

func (m *memory) Find(_ context.Context, scope halong.Scope, q storage.Query) iter.Seq2[storage.Row, error] {
	return func(yield func(storage.Row, error) bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.queries = append(m.queries, q)
		if m.find != nil {
			yield(storage.Row{}, m.find)
			return
		}
		seen := map[storage.Identity]bool{}
		skip, left := q.Offset, q.Limit
		begun := q.After == nil
		for _, o := range m.stored {
			id := o.Identity
			if q.Level < storage.LevelInstance {
				id.SOP = ""
			}
			if q.Level < storage.LevelSeries {
				id.Series = ""
			}
			if seen[id] || !scope.Sees(o.Facility) || !query.MatchAll(q.Keys, o.set) {
				continue
			}
			seen[id] = true
			at := storage.Position{Study: id.Study, Series: storage.NumberedUID{UID: id.Series}, Instance: storage.NumberedUID{UID: id.SOP}}
			if !begun {
				begun = *q.After == at
				continue
			}
			if skip--; skip >= 0 {
				continue
			}
			row := storage.Row{Identity: id, Attributes: &dataset.Set{}, Position: at}
			for _, e := range o.set.Elements {
				if l := storage.LevelOf(e.Tag); l > 0 && l <= q.Level {
					row.Attributes.Put(e)
				}
			}
			row.Attributes.PutInt(tag.NumberOfStudyRelatedInstances, dicom.IS, int64(len(m.stored)))
			if !yield(row, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

func (m *memory) Instances(_ context.Context, scope halong.Scope, ref storage.Ref) iter.Seq2[*storage.Instance, error] {
	return func(yield func(*storage.Instance, error) bool) {
		m.mu.Lock()
		list := append([]*memoryObject(nil), m.stored...)
		m.mu.Unlock()
		for _, o := range list {
			if scope.Sees(o.Facility) && o.Study == ref.Study && (ref.Series == "" || ref.Series == o.Series) && (ref.SOP == "" || ref.SOP == o.SOP) &&
				(ref.Facility == "" || ref.Facility == o.Facility) {
				if in := o.Instance; !yield(&in, nil) {
					return
				}
			}
		}
	}
}

func (m *memory) Open(_ context.Context, i *storage.Instance) (*memoryObject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.stored {
		if o.Identity == i.Identity {
			m.opened++
			return o, nil
		}
	}
	return nil, halong.E("memory.Open", halong.Corrupt, string(i.SOP), nil)
}

// server is a gateway with nothing but DICOMweb.
type server struct {
	t testing.TB
	m *memory
	h http.Handler
	o []Observation
}

func serve(t testing.TB, change ...func(*Config)) *server {
	s := &server{t: t, m: &memory{}}
	cfg := Config{
		Archive: FromStorage(s.m),
		Scope: func(c echo.Context) (halong.Scope, halong.Facility, error) {
			switch c.Request().Header.Get("Authorization") {
			case "nobody":
				return halong.Scope{}, "", halong.E("test", halong.Permission, "", nil)
			case "BV1":
				return halong.Scope{Own: "BV1", Visible: []halong.Facility{"BV2"}}, "BV1", nil
			}
			return halong.Everything(), halong.DefaultFacility, nil
		},
		Observe: func(o Observation) {
			s.m.mu.Lock()
			defer s.m.mu.Unlock()
			s.o = append(s.o, o)
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	e := echo.New()
	Register(e.Group("/dicom-web"), cfg)
	s.h = e
	return s
}

// behindProxy believes whoever sends requests what it says of their clients.
func behindProxy(c *Config) { c.Proxy = func(netip.Addr) bool { return true } }

// do sends a request; headers are given as "Name: value".
func (s *server) do(method, path string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, "http://pacs.test/dicom-web"+path, body)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		} else if p != nil {
			s.t.Errorf("%s %s broke off: %v", method, path, s.o[len(s.o)-1].Err)
		}
	}()
	s.h.ServeHTTP(w, r)
	return w
}

func (s *server) get(path string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.do(http.MethodGet, path, nil, headers...)
}

// want checks the status and gives the body.
func (s *server) want(w *httptest.ResponseRecorder, status int) string {
	s.t.Helper()
	if w.Code != status {
		s.t.Fatalf("status %d, want %d: %.300s", w.Code, status, w.Body.String())
	}
	return w.Body.String()
}

// file makes a PS3.10 file of the elements given, in Explicit VR Little Endian.
func file(sop string, more ...func(*dataset.Set)) []byte { return fileIn(explicitLE, sop, more...) }

func fileIn(ts dicom.UID, sop string, more ...func(*dataset.Set)) []byte {
	s := &dataset.Set{}
	s.PutString(tag.SOPClassUID, dicom.UI, "1.2.840.10008.5.1.4.1.1.7")
	s.PutString(tag.SOPInstanceUID, dicom.UI, sop)
	s.PutString(tag.StudyInstanceUID, dicom.UI, "1.2.3")
	s.PutString(tag.SeriesInstanceUID, dicom.UI, "1.2.3.4")
	for _, f := range more {
		f(s)
	}
	syntax, _ := dicom.LookupTransferSyntax(ts)
	b := dataset.AppendFileHeader(nil, s.UID(tag.SOPClassUID), dicom.UID(sop), ts, "")
	return s.Append(b, syntax)
}

// body makes a multipart body of parts of type application/dicom.
func body(parts ...[]byte) *bytes.Buffer {
	var b bytes.Buffer
	for _, p := range parts {
		b.WriteString("--B\r\nContent-Type: application/dicom\r\n\r\n")
		b.Write(p)
		b.WriteString("\r\n")
	}
	b.WriteString("--B--\r\n")
	return &b
}

const stowType = `Content-Type: multipart/related; type="application/dicom"; boundary=B`

// put stores files one after the other and fails the test if that fails.
func (s *server) put(files ...[]byte) {
	s.t.Helper()
	for _, f := range files {
		s.want(s.do(http.MethodPost, "/studies", body(f), stowType), http.StatusOK)
	}
}

// pixels adds Pixel Data of frames of rows x columns.
func pixels(rows, columns, bits, frames int, vr dicom.VR, value []byte) func(*dataset.Set) {
	return func(s *dataset.Set) {
		s.PutInt(tag.SamplesPerPixel, dicom.US, 1)
		s.PutString(tag.PhotometricInterpretation, dicom.CS, "MONOCHROME2")
		s.PutString(tag.NumberOfFrames, dicom.IS, strconv.Itoa(frames))
		s.PutInt(tag.Rows, dicom.US, int64(rows))
		s.PutInt(tag.Columns, dicom.US, int64(columns))
		s.PutInt(tag.BitsAllocated, dicom.US, int64(bits))
		s.Put(dataset.Element{Tag: tag.PixelData, VR: vr, Value: value})
	}
}

func fragments(frames int, items ...[]byte) func(*dataset.Set) {
	return func(s *dataset.Set) {
		pixels(8, 8, 8, frames, dicom.OB, nil)(s)
		s.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OB, Fragments: items})
	}
}

// Stamp changes whenever something was stored.
func (m *memory) Stamp(context.Context, halong.Scope, storage.Ref) (storage.Stamp, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := strconv.Itoa(len(m.stored))
	return storage.Stamp{Study: n, Series: n}, nil
}
