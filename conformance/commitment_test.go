package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
)

const (
	commitmentClass    dicom.UID = "1.2.840.10008.1.20.1"
	commitmentInstance dicom.UID = "1.2.840.10008.1.20.1.1"
)

// reports is a modality's end of Storage Commitment: it keeps the Data Sets of N-EVENT-REPORT-RQ by event.
type reports chan map[uint16]*dataset.Set

// Serve implements dimse.Service.
func (r reports) Serve(_ context.Context, rq *dimse.Request) dimse.Response {
	b, err := io.ReadAll(rq.Data)
	if err != nil || rq.Command.Field != dimse.NEventReportRQ || rq.Command.EventTypeID == nil {
		return dimse.Answer(dimse.UnrecognizedOperation)
	}
	ts, _ := dicom.LookupTransferSyntax(rq.Context.TransferSyntax)
	s, err := dataset.Parse(b, ts, dataset.Limits{})
	if err != nil {
		return dimse.Answer(dimse.ProcessingFailure)
	}
	r <- map[uint16]*dataset.Set{*rq.Command.EventTypeID: s}
	return dimse.Answer(dimse.Success)
}

// TestN18ReportAfterKill: the program is killed between its N-ACTION-RSP and the N-EVENT-REPORT; the
// next start reports what was stored and what was not, once, on an Association of its own.
func TestN18ReportAfterKill(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "halong.yaml")
	text := fmt.Sprintf("dicom:\n  destinations:\n    - {ae: MODALITY, address: '%v'}\n", l.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	p := start(t, data, "--config", file)
	o := newObject(1, 1, 256, "P1")
	if s := sendOne(t, p.DICOM, o); s != 0 {
		t.Fatalf("C-STORE: %04X", s)
	}
	askCommitment(t, p.DICOM, "2.25.18", o.sop, "2.25.9.9")
	p.kill(t) // the modality has read no report, and does not listen yet

	got := make(reports, 4)
	mux := &dimse.Mux{}
	mux.Handle(commitmentClass, dimse.Offer{Service: got, PeerSCP: true, Accepts: func(ts dicom.UID) bool { return ts == dicom.ImplicitVRLittleEndian }})
	modality := &dimse.Server{Mux: mux}
	ended := make(chan error, 1)
	go func() { ended <- modality.Serve(l) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := modality.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	}()
	p = start(t, data, "--config", file)
	select {
	case r := <-got:
		checkReport(t, r[2], o.sop)
	case <-time.After(60 * time.Second):
		t.Fatal("no N-EVENT-REPORT after the restart")
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // until that is saved
		if _, m := get(t, p.HTTP+"/metrics", "*/*"); bytes.Contains(m, []byte(`halong_storage_commitments_total{outcome="reported"} 1`)) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the report was not noted")
		}
	}
	p.stop(t)
	p = start(t, data, "--config", file)
	time.Sleep(time.Second)
	p.stop(t)
	if len(got) > 0 {
		t.Error("reported twice")
	}
}

// askCommitment sends an N-ACTION and reads nothing after its response.
func askCommitment(t *testing.T, addr string, transaction dicom.UID, sops ...dicom.UID) {
	t.Helper()
	a, err := dimse.Dial(t.Context(), addr, dimse.Options{CallingAE: "MODALITY", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{
		{AbstractSyntax: commitmentClass, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() }) // the other end is gone
	s := &dataset.Set{}
	s.PutString(tag.TransactionUID, dicom.UI, string(transaction))
	list := dataset.Element{Tag: tag.ReferencedSOPSequence, VR: dicom.SQ}
	for _, sop := range sops {
		item := &dataset.Set{}
		item.PutString(tag.ReferencedSOPClassUID, dicom.UI, string(ctImageStorage))
		item.PutString(tag.ReferencedSOPInstanceUID, dicom.UI, string(sop))
		list.Items = append(list.Items, item)
	}
	s.Put(list)
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	action := uint16(1)
	resp, err := a.Call(t.Context(), 1, &dimse.Command{
		Field: dimse.NActionRQ, RequestedSOPClass: commitmentClass, RequestedSOPInstance: commitmentInstance, ActionTypeID: &action,
	}, bytes.NewReader(s.Append(nil, ts)), nil)
	if err != nil || resp.Status != dimse.Success {
		t.Fatal(resp, err)
	}
}

func checkReport(t *testing.T, s *dataset.Set, stored dicom.UID) {
	t.Helper()
	if s == nil {
		t.Fatal("not the event of a commitment with failures")
	}
	items := func(of dicom.Tag) (all []string) {
		if e := s.Get(of); e != nil {
			for _, item := range e.Items {
				reason, _ := item.Int(tag.FailureReason)
				all = append(all, fmt.Sprintf("%s %04X", item.UID(tag.ReferencedSOPInstanceUID), reason))
			}
		}
		return all
	}
	got := [][]string{{string(s.UID(tag.TransactionUID))}, items(tag.ReferencedSOPSequence), items(tag.FailedSOPSequence)}
	want := [][]string{{"2.25.18"}, {string(stored) + " 0000"}, {"2.25.9.9 0112"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
