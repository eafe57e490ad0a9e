package conformance

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/internal/app"
)

// swallow takes every object and keeps none.
type swallow struct{}

// Serve implements dimse.Service.
func (swallow) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	if _, err := io.Copy(io.Discard, rq.Data); err != nil {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	return dimse.Answer(dimse.Success)
}

// BenchmarkForward forwards 5,000 objects of 2 KiB, that wait, over loopback: to a peer that keeps nothing, and to another halong. It reports
// instances a second, and the gateway's processor time for 1,000 of them.
func BenchmarkForward(b *testing.B) {
	const objects = 5000
	all := make([]object, objects)
	for i := range all {
		all[i] = newObject(9500+i/500, i%500+1, 2<<10, "P")
	}
	for _, far := range []string{"nothing kept", "halong", "STOW-RS"} {
		b.Run(far, func(b *testing.B) {
			for range b.N {
				forwardOnce(b, far, all)
			}
		})
	}
}

func forwardOnce(b *testing.B, far string, all []object) {
	b.StopTimer()
	addr, web := freeAddress(b), freeAddress(b)
	url := ""
	if far == "STOW-RS" {
		url = "http://" + web + "/dicom-web"
	}
	near := start(b, b.TempDir(), "--config", forwardConfig(b, addr, url))
	if far == "STOW-RS" {
		orderForward(b, near.HTTP, "pause", app.ForwardOrder{Destination: "far"})
	}
	storeAll(b, near.DICOM, all)
	name := "far"
	if far == "STOW-RS" {
		name = "stow"
	}
	cpu := cpuOf(b, near.cmd.Process.Pid)
	b.StartTimer()
	if far == "nothing kept" {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		m := &dimse.Mux{}
		m.Handle(ctImageStorage, dimse.Offer{Service: swallow{}, Accepts: func(ts dicom.UID) bool { return ts == dicom.ExplicitVRLittleEndian }})
		s := &dimse.Server{Mux: m, AsyncOperations: 8}
		go func() { _ = s.Serve(l) }() // until it is shut down
		defer func() { _ = s.Shutdown(context.Background()) }()
	} else {
		p := start(b, b.TempDir(), "--dicom", addr, "--http", web)
		defer p.stop(b)
	}
	began := time.Now()
	eventually(b, "all are sent", func() bool { return account(b, near.HTTP, name).Done == int64(len(all)) })
	took := time.Since(began)
	b.StopTimer()
	b.ReportMetric(float64(len(all))/took.Seconds(), "instances/s")
	b.ReportMetric((cpuOf(b, near.cmd.Process.Pid)-cpu)/float64(len(all))*1e3, "cpu-s/1000")
	near.stop(b)
}
