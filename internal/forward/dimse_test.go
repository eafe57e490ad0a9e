package forward_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/negotiate"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/forward"
)

// shelf gives made-up objects, by the number at the end of their SOP Instance UID.
type shelf struct {
	size   int                               // of pixels
	syntax dicom.UID                         // that they say to be stored in; empty: Explicit VR Little Endian
	open   func(it *forward.Item) error      // may refuse
	read   func(it *forward.Item) (at int64) // where reading fails; 0: nowhere
	edited func(it *forward.Item) dicom.UID  // under which they are sent; nil: their own
}

func (shelf) Facts(context.Context, *forward.Item) (forward.Facts, error) {
	return forward.Facts{}, nil
}

func (s shelf) Open(_ context.Context, it *forward.Item, _ forward.Edit) (forward.Object, error) {
	if s.open != nil {
		if err := s.open(it); err != nil {
			return nil, err
		}
	}
	return &book{s, it, s.data(it)}, nil
}

func (s shelf) data(it *forward.Item) []byte {
	var set dataset.Set
	set.PutString(tag.SOPClassUID, dicom.UI, string(it.Class))
	set.PutString(tag.SOPInstanceUID, dicom.UI, string(it.SOP))
	set.Put(dataset.Element{Tag: tag.PixelData, VR: dicom.OW, Value: bytes.Repeat([]byte{1, 2}, s.size/2+1)})
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	return set.Append(nil, ts)
}

type book struct {
	s    shelf
	it   *forward.Item
	data []byte
}

func (b *book) TransferSyntax() dicom.UID {
	if b.s.syntax != "" {
		return b.s.syntax
	}
	return dicom.ExplicitVRLittleEndian
}
func (b *book) Size() int64 { return int64(len(b.data)) }
func (*book) Close() error  { return nil }

func (b *book) Encode(to dicom.UID) (forward.Encoded, error) {
	e := forward.Encoded{SOPInstance: b.it.SOP}
	if b.s.edited != nil {
		e.SOPInstance = b.s.edited(b.it)
	}
	r := io.Reader(bytes.NewReader(b.data))
	if b.s.read != nil {
		if at := b.s.read(b.it); at > 0 {
			r = io.MultiReader(io.LimitReader(r, at), broken{})
		}
	}
	if to == b.TransferSyntax() {
		e.Body = io.NopCloser(r)
		return e, nil
	}
	from, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	ts, _ := dicom.LookupTransferSyntax(to)
	e.Body = negotiate.Converted(r, from, ts)
	return e, nil
}

// broken is a disk that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) {
	return 0, halong.E("test", halong.Corrupt, "", errors.New("bad sector"))
}

// archive is an SCP of storage whose answers a test makes.
type archive struct {
	mu     sync.Mutex
	got    map[dicom.UID][]byte
	syntax map[dicom.UID]dicom.UID
	answer func(rq *dimse.Request) (dimse.Status, bool) // false: the association is cut
	server *dimse.Server
	addr   string
	stop   func()
}

// Serve implements dimse.Service.
func (a *archive) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	status, ok := dimse.Success, true
	if a.answer != nil {
		status, ok = a.answer(rq)
	}
	if !ok {
		_ = rq.Association.Abort()
		return dimse.Answer(dimse.ProcessingFailure)
	}
	b, err := io.ReadAll(rq.Data)
	if err == nil && status.OK() {
		a.mu.Lock()
		a.got[rq.Command.AffectedSOPInstance] = b
		a.syntax[rq.Command.AffectedSOPInstance] = rq.Context.TransferSyntax
		a.mu.Unlock()
	}
	return dimse.Answer(status)
}

func (a *archive) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.got)
}

// newArchive serves storage in transfer syntaxes on a loopback address.
func newArchive(t testing.TB, addr string, window uint16, syntaxes ...dicom.UID) *archive {
	t.Helper()
	a := &archive{got: map[dicom.UID][]byte{}, syntax: map[dicom.UID]dicom.UID{}}
	m := &dimse.Mux{}
	m.Handle("1.5", dimse.Offer{Service: a, Accepts: func(ts dicom.UID) bool {
		for _, s := range syntaxes {
			if ts == s {
				return true
			}
		}
		return false
	}})
	var l net.Listener
	until(t, "the port is free", func() bool { // a connection of another test may have it for a while
		var err error
		l, err = net.Listen("tcp", addr)
		return err == nil
	})
	a.addr = l.Addr().String()
	a.server = &dimse.Server{Mux: m, AsyncOperations: window}
	ended := make(chan error, 1)
	go func() { ended <- a.server.Serve(l) }()
	a.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // at once
		_ = a.server.Shutdown(ctx)
		<-ended
	})
	t.Cleanup(a.stop)
	return a
}

func (a *archive) destination(name string) forward.Destination {
	return forward.Destination{
		Name: name, Retry: forward.Backoff{First: 20 * time.Millisecond, Most: 200 * time.Millisecond},
		Transport: &forward.DIMSE{Address: a.addr, CallingAE: "HALONG", CalledAE: "FAR", Window: 8},
	}
}

// until waits for what must happen, in real time.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not so: " + what)
		}
	}
}

func newSending(t testing.TB, source forward.Source, destinations ...forward.Destination) *bench {
	t.Helper()
	b := newBench(t, destinations...)
	b.stop()
	b.config.Source = source
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

var explicit = []dicom.UID{dicom.ExplicitVRLittleEndian}

// TestStored: objects go as they are stored, many outstanding at once, and over one association for each sender.
func TestStored(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 8, dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian)
	s := shelf{size: 1000}
	b := newSending(t, s, a.destination("a"))
	b.store(200)
	until(t, "all are sent", func() bool { return b.account("a").Count[forward.Done] == 200 })
	for i := range 200 {
		it := forwardedItem(i)
		if !bytes.Equal(a.got[it.SOP], s.data(it)) || a.syntax[it.SOP] != dicom.ExplicitVRLittleEndian {
			t.Errorf("%s: other bytes, or in %s", it.SOP, a.syntax[it.SOP])
		}
	}
}

func forwardedItem(i int) *forward.Item {
	return &forward.Item{Facility: "BV1", Study: "1.2", Series: "1.3", SOP: dicom.UID(fmt.Sprintf("1.4.%d", i)), Class: "1.5", Digest: halong.Digest{byte(i)}}
}

// TestConverted: a peer that takes another native transfer syntax alone gets that.
func TestConverted(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 1, dicom.ImplicitVRLittleEndian)
	s := shelf{size: 100}
	b := newSending(t, s, a.destination("a"))
	b.store(3)
	until(t, "all are sent", func() bool { return b.account("a").Count[forward.Done] == 3 })
	from, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	to, _ := dicom.LookupTransferSyntax(dicom.ImplicitVRLittleEndian)
	var want bytes.Buffer
	if err := dataset.Transcode(&want, dataset.NewReader(bytes.NewReader(s.data(forwardedItem(1))), from), to); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.got["1.4.1"], want.Bytes()) || a.syntax["1.4.1"] != dicom.ImplicitVRLittleEndian {
		t.Errorf("%x in %s", a.got["1.4.1"], a.syntax["1.4.1"])
	}
}

// TestNoContext: what a peer takes in no transfer syntax that it can be given in is dead at once.
func TestNoContext(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 1, explicit...)
	b := newSending(t, shelf{syntax: "1.2.840.10008.1.2.4.90"}, a.destination("a"))
	b.store(2)
	until(t, "all are dead", func() bool { return b.account("a").Count[forward.Dead] == 2 })
	list, err := b.f.List(context.Background(), forward.Selection{}, 0, 1)
	if err != nil || list[0].Attempts != 1 || list[0].Reason != "no presentation context: the peer takes no SOP class 1.5 in transfer syntax 1.2.840.10008.1.2.4.90" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestStatuses: which refusals are for good, and which are tried again.
func TestStatuses(t *testing.T) {
	for status, want := range map[dimse.Status]forward.State{
		0x0000: forward.Done, 0xB000: forward.Done, 0xB007: forward.Done, 0xB006: forward.Done, 0x0107: forward.Done,
		0xA700: forward.Waiting, 0xA7FF: forward.Waiting, 0x0110: forward.Waiting, 0x0213: forward.Waiting,
		0x0122: forward.Dead, 0xA900: forward.Dead, 0xC000: forward.Dead, 0xC123: forward.Dead, 0x0124: forward.Dead, 0x0117: forward.Dead, 0x0111: forward.Dead,
	} {
		t.Run(status.String(), func(t *testing.T) {
			a := newArchive(t, "127.0.0.1:0", 4, explicit...)
			a.answer = func(*dimse.Request) (dimse.Status, bool) { return status, true }
			b := newSending(t, shelf{}, a.destination("a"))
			b.store(1)
			var list []forward.Entry
			until(t, "an answer", func() bool {
				var err error
				list, err = b.f.List(context.Background(), forward.Selection{}, 0, 1)
				if err != nil {
					t.Fatal(err)
				}
				return len(list) == 1 && (list[0].State == want && list[0].Attempts > 0 && (list[0].Reason != "" || status == 0))
			})
		})
	}
}

// TestSentBefore: an object whose answer was lost, and which the peer calls a duplicate when it comes again, has arrived.
func TestSentBefore(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 1, explicit...)
	var mu sync.Mutex
	asked := 0
	a.answer = func(*dimse.Request) (dimse.Status, bool) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return dimse.DuplicateSOPInstance, asked > 1
	}
	b := newSending(t, shelf{}, a.destination("a"))
	b.store(1)
	until(t, "it is done", func() bool { return b.account("a").Count[forward.Done] == 1 })
	list, err := b.f.List(context.Background(), forward.Selection{}, 0, 1)
	if err != nil || len(list) != 1 || list[0].Reason == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestCut: a peer that cuts associations again and again gets everything in the end.
func TestCut(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 4, explicit...)
	var mu sync.Mutex
	asked := 0
	a.answer = func(*dimse.Request) (dimse.Status, bool) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return dimse.Success, asked%7 != 0
	}
	b := newSending(t, shelf{size: 300_000}, a.destination("a"))
	b.store(30)
	until(t, "all are sent", func() bool { return b.account("a").Count[forward.Done] == 30 })
	if a.count() != 30 {
		t.Errorf("%d arrived", a.count())
	}
}

// TestUnreadable: an object that cannot be read, or is not there any more, ends alone.
func TestUnreadable(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 4, explicit...)
	b := newSending(t, shelf{
		size: 500_000,
		open: func(it *forward.Item) error {
			if it.SOP == "1.4.3" {
				return halong.E("test", halong.NotExist, "", nil)
			}
			return nil
		},
		read: func(it *forward.Item) int64 {
			if it.SOP == "1.4.5" {
				return 400_000
			}
			return 0
		},
	}, a.destination("a"))
	b.store(10)
	until(t, "all have ended", func() bool { return b.ended("a", 10) })
	if c := b.account("a").Count; c[forward.Done] != 8 || c[forward.Dead] != 1 || c[forward.Gone] != 1 {
		t.Errorf("%+v", c)
	}
	if b.account("a").Unreachable != "" {
		t.Error("the destination is blamed")
	}
}

// TestStalled: a peer that stops reading amid an object holds up nobody else, and is given up after the time-out.
func TestStalled(t *testing.T) {
	stuck := newArchive(t, "127.0.0.1:0", 1, explicit...)
	stay := make(chan struct{})
	defer close(stay)
	stuck.answer = func(*dimse.Request) (dimse.Status, bool) { <-stay; return dimse.Success, true }
	good := newArchive(t, "127.0.0.1:0", 1, explicit...)
	d := stuck.destination("stuck")
	d.Transport.(*forward.DIMSE).Timeouts = dimse.Timeouts{Network: 500 * time.Millisecond, Response: time.Hour, ARTIM: 100 * time.Millisecond}
	b := newSending(t, shelf{size: 32 << 20}, d, good.destination("good"))
	b.store(3)
	until(t, "the others are served", func() bool { return b.account("good").Count[forward.Done] == 3 })
	until(t, "it is given up", func() bool { return b.account("stuck").Unreachable != "" })
	if a := b.account("stuck"); a.Waits() != 3 {
		t.Errorf("%+v", a)
	}
}

// TestPeerEndsIdle: an association that the peer ended while it was not used is no failure.
func TestPeerEndsIdle(t *testing.T) {
	a := newArchive(t, "127.0.0.1:0", 1, explicit...)
	d := a.destination("a")
	d.Concurrency, d.Idle = 1, time.Hour
	d.Retry = forward.Backoff{First: time.Hour, Most: time.Hour}
	b := newSending(t, shelf{}, d)
	b.store(1)
	until(t, "one is sent", func() bool { return b.account("a").Count[forward.Done] == 1 })
	a.stop()
	again := newArchive(t, a.addr, 1, explicit...)
	b.store(2)
	until(t, "all are sent", func() bool { return b.account("a").Count[forward.Done] == 3 })
	if again.count() != 2 {
		t.Errorf("%d arrived", again.count())
	}
}
