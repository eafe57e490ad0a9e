package conformance

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicom/pdu"
	"github.com/halong-gateway/halong/dicom/tag"
)

// studyRootFind is Study Root Query/Retrieve Information Model - FIND.
const studyRootFind dicom.UID = "1.2.840.10008.5.1.4.1.2.2.1"

// TestFindSpeed compares C-FIND with QIDO-RS: the same query, by Patient ID, at 100,000 studies, over one connection each. It runs with
// HALONG_BENCH=1 (make bench-move), on a quiet machine.
func TestFindSpeed(t *testing.T) {
	if os.Getenv("HALONG_BENCH") == "" {
		t.Skip("HALONG_BENCH is not set: this is a measurement")
	}
	const studies, queries = 100_000, 5000
	data := t.TempDir()
	fill(t, data, studies, 1)
	p := start(t, data)
	a, err := dimse.Dial(t.Context(), p.DICOM, dimse.Options{CallingAE: "BENCH", CalledAE: "HALONG", Contexts: []pdu.ProposedContext{
		{AbstractSyntax: studyRootFind, TransferSyntaxes: []dicom.UID{dicom.ExplicitVRLittleEndian}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	find := func(i int) {
		s := &dataset.Set{}
		s.PutString(tag.QueryRetrieveLevel, dicom.CS, "STUDY")
		s.PutString(tag.PatientID, dicom.LO, fmt.Sprintf("P%d", i))
		for _, want := range []dicom.Tag{ // what QIDO-RS gives unasked
			tag.StudyDate, tag.StudyTime, tag.AccessionNumber, tag.ModalitiesInStudy, tag.ReferringPhysicianName, tag.TimezoneOffsetFromUTC,
			tag.PatientName, tag.PatientBirthDate, tag.PatientSex, tag.StudyInstanceUID, tag.StudyID, tag.NumberOfStudyRelatedSeries,
			tag.NumberOfStudyRelatedInstances,
		} {
			s.Put(dataset.Element{Tag: want, VR: dicom.VROf(want)})
		}
		n := 0
		resp, err := a.Call(t.Context(), 1, &dimse.Command{Field: dimse.CFindRQ, AffectedSOPClass: studyRootFind}, strings.NewReader(string(s.Append(nil, ts))), func(*dimse.Response) error {
			n++
			return nil
		})
		if err != nil || resp.Status != dimse.Success || n != 1 {
			t.Fatalf("C-FIND: %d answers, %+v, %v", n, resp, err)
		}
	}
	qido := func(i int) {
		status, body := get(t, p.HTTP+fmt.Sprintf("/dicom-web/studies?PatientID=P%d", i), "application/dicom+json")
		if status != http.StatusOK || strings.Count(string(body), `"0020000D"`) != 1 {
			t.Fatalf("QIDO-RS: %d %s", status, body)
		}
	}
	measure := func(name string, ask func(int)) (cpu float64) {
		for i := range 200 {
			ask(i) // warms up
		}
		before, began := cpuOf(t, p.cmd.Process.Pid), time.Now()
		for i := range queries {
			ask(i * 7919 % studies)
		}
		took := time.Since(began)
		cpu = (cpuOf(t, p.cmd.Process.Pid) - before) / queries * 1e3
		t.Logf("%-8s %6.0f queries/s, %.0f us each, %.3f CPU s per 1,000", name, queries/took.Seconds(), took.Seconds()/queries*1e6, cpu)
		return cpu
	}
	web, dimse := measure("QIDO-RS", qido), measure("C-FIND", find)
	t.Logf("C-FIND costs %.2f times QIDO-RS", dimse/web)
	if dimse > 2*web {
		t.Errorf("C-FIND costs %.2f times QIDO-RS, want at most 2", dimse/web)
	}
	if err := a.Release(); err != nil {
		t.Error(err)
	}
	p.stop(t)
}
