package conformance

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/scu"
)

// discard is a Storage SCP that reads nothing of what it gets: the Association passes it over.
type discard struct{}

func (discard) Serve(context.Context, *dimse.Request) dimse.Response { return dimse.Answer(0) }

// BenchmarkMove moves a study of 300 CT-size objects from a gateway in this process to a Storage SCP in this process. Use it with
// -cpuprofile to see where the time goes, and make bench-move for figures to quote.
func BenchmarkMove(b *testing.B) {
	const objects = 300
	m := &dimse.Mux{}
	m.HandleFunc(func(dicom.UID) bool { return true }, dimse.Offer{Service: discard{}, Accepts: func(dicom.UID) bool { return true }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	store := &dimse.Server{Mux: m}
	go func() { _ = store.Serve(l) }()                             // until Shutdown
	b.Cleanup(func() { _ = store.Shutdown(context.Background()) }) // nothing depends on it
	c := onLoopback(b.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: "STORE", Address: l.Addr().String()}}
	g := serve(b, c)
	a, err := dimse.Dial(context.Background(), g.DICOM, dimse.Options{CallingAE: "BENCH", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{
		{AbstractSyntax: ctImageStorage, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	for i := range objects {
		o := newObject(1, i+1, 512<<10, "BENCH")
		if _, err := a.Store(context.Background(), ctImageStorage, o.sop, dicom.ExplicitVRLittleEndian, bytes.NewReader(o.data)); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.Release(); err != nil {
		b.Fatal(err)
	}
	keys := &dataset.Set{}
	keys.PutString(tag.StudyInstanceUID, dicom.UI, fmt.Sprintf("2.25.7001%06d", 1))
	before := cpu(b)
	b.ResetTimer()
	for range b.N {
		r, err := scu.Move(context.Background(), scu.Target{Address: g.DICOM, CallingAE: "BENCH", CalledAE: "HALONG"}, scu.Query{Level: "STUDY", Keys: keys}, "STORE", nil)
		if err != nil || r.Completed != objects {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	b.ReportMetric((cpu(b)-before)/float64(b.N*objects)*1e3, "cpu-ms/object")
	b.ReportMetric(float64(b.N*objects)/b.Elapsed().Seconds(), "objects/s")
}
