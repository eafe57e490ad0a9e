package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/internal/app/config"
)

// TestDcmjsAsSCU: dcmjs-dimse echoes, stores, asks for commitment, queries and retrieves, one kind of request an Association.
func TestDcmjsAsSCU(t *testing.T) {
	dcmjsCache(t)
	to, moved := dcmjsSCP(t)
	c := onLoopback(t.TempDir())
	c.DICOM.Destinations = []config.Destination{{AE: "DCMJS", Address: to}}
	g := serve(t, c)
	dir, objects := sampleFiles(t, 3)
	files := list(t, dir)
	study := string(objects[0].Study)

	t.Run("C-ECHO", func(t *testing.T) {
		interop(t, peerDcmjs, "C-ECHO", asSCP, "its Client")
		if s := dcmjsSCU(t, g.DICOM, nil, jsonObject{"op": "echo"}); s.final(0) != 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("C-STORE", func(t *testing.T) {
		interop(t, peerDcmjs, "C-STORE", asSCP, "every Data Set as it was on the wire")
		proxy := newWire(t, g.DICOM)
		var stores []jsonObject
		for _, f := range files {
			stores = append(stores, jsonObject{"op": "store", "file": f})
		}
		s := dcmjsSCU(t, proxy.addr, nil, stores...)
		for i := range files {
			if s.final(i) != 0 {
				t.Errorf("%s: status %X", objects[i].What, s.final(i))
			}
		}
		same(t, "on the wire", kept(t, g, files), proxy.sums())
	})
	t.Run("Storage Commitment", func(t *testing.T) {
		interop(t, peerDcmjs, "Storage Commitment", asSCP, "N-ACTION; N-EVENT-REPORT on the same Association")
		s := dcmjsSCU(t, g.DICOM, jsonObject{"associationLingerTimeout": 60000}, jsonObject{
			"op": "commit", "transaction": "2.25.7001",
			"instances": [][]string{{string(ctImageStorage), string(objects[0].SOPInstance)}, {string(ctImageStorage), "2.25.404"}},
		})
		if s.final(0) != 0 || len(s.Reports) != 1 || s.Reports[0]["event"] != 2.0 || s.Reports[0]["TransactionUID"] != "2.25.7001" {
			t.Fatalf("%+v", s)
		}
		if good, bad := text(s.Reports[0]["ReferencedSOPSequence"]), text(s.Reports[0]["FailedSOPSequence"]); !strings.Contains(good, string(objects[0].SOPInstance)) ||
			!strings.Contains(bad, "2.25.404") || !strings.Contains(bad, fmt.Sprint(0x0112)) {
			t.Errorf("%+v", s.Reports)
		}
	})
	t.Run("C-FIND", func(t *testing.T) {
		interop(t, peerDcmjs, "C-FIND", asSCP, "study, series and image level, Vietnamese name")
		s := dcmjsSCU(
			t, g.DICOM, nil,
			jsonObject{"op": "find", "level": "study", "keys": jsonObject{"SpecificCharacterSet": "ISO_IR 192", "PatientName": "NGUYỄN*", "StudyInstanceUID": study, "PatientID": ""}},
			jsonObject{"op": "find", "level": "series", "keys": jsonObject{"StudyInstanceUID": study, "SeriesInstanceUID": "", "Modality": "CT"}},
			jsonObject{"op": "find", "level": "image", "keys": jsonObject{"StudyInstanceUID": study, "SeriesInstanceUID": string(objects[0].Series), "SOPInstanceUID": ""}},
			jsonObject{"op": "find", "level": "study", "keys": jsonObject{"PatientID": "NOBODY"}},
		)
		for i, want := range []int{1, 1, 3, 0} {
			if n := len(s.Requests[i].Answers); n != want || s.final(i) != 0 {
				t.Errorf("request %d: %d answers, want %d, final status %X", i, n, want, s.final(i))
			}
		}
		if a := s.Requests[0].Answers; len(a) == 1 && (!strings.Contains(text(a[0]["PatientName"]), "NGUYỄN^VĂN^AN") || a[0]["PatientID"] != "BN000123") {
			t.Errorf("answer: %v", a[0])
		}
	})
	t.Run("C-GET", func(t *testing.T) {
		interop(t, peerDcmjs, "C-GET", asSCP, "role selection for 62 SOP Classes; pixels as they were stored")
		s := dcmjsSCU(t, g.DICOM, nil, jsonObject{"op": "get", "study": study})
		var got, want []string
		for _, r := range s.Received {
			got = append(got, r.Instance+" "+r.Pixels)
		}
		for i := range objects {
			if string(objects[i].Study) == study {
				want = append(want, string(objects[i].SOPInstance)+" "+pixelDigest(t, objects[i].Part10()))
			}
		}
		same(t, "got", sorted(got), sorted(want))
		if s.final(0) != 0 || s.Requests[0].Counts == nil || s.Requests[0].Counts.Failed != 0 {
			t.Errorf("%+v", s.Requests)
		}
	})
	t.Run("C-MOVE", func(t *testing.T) {
		interop(t, peerDcmjs, "C-MOVE", asSCP, "with itself as destination, which receives every Data Set as it was stored; unknown destination is A801")
		s := dcmjsSCU(t, g.DICOM, nil, jsonObject{"op": "move", "study": study, "to": "DCMJS"}, jsonObject{"op": "move", "study": study, "to": "NOWHERE"})
		if s.final(0) != 0 || s.final(1) != 0xA801 {
			t.Errorf("%X, %X: %+v", s.final(0), s.final(1), s.Requests)
		}
		got, _ := arrived(t, moved)
		same(t, "moved", got, storedDigests(t, g, study))
	})
	t.Run("asynchronous operations", func(t *testing.T) {
		interop(t, peerDcmjs, "Asynchronous Operations Window", asSCP, "asks for 8 invoked; 20 C-ECHO, and the C-STORE of every object again")
		requests := slices.Repeat([]jsonObject{{"op": "echo"}}, 20)
		for _, f := range files {
			requests = append(requests, jsonObject{"op": "store", "file": f})
		}
		s := dcmjsSCU(t, g.DICOM, jsonObject{"asyncOps": jsonObject{"maxAsyncOpsInvoked": 8, "maxAsyncOpsPerformed": 1}}, requests...)
		for i := range requests {
			if s.final(i) != 0 {
				t.Errorf("request %d: %X", i, s.final(i))
			}
		}
		if s.Accepted == nil || s.Accepted.AsyncInvoked < 1 || s.Accepted.AsyncInvoked > 8 {
			t.Errorf("%+v", s.Accepted)
		}
	})
	t.Run("user identity", func(t *testing.T) {
		interop(t, peerDcmjs, "User Identity Negotiation", asSCP, "user name, without a positive response asked for")
		s := dcmjsSCU(t, g.DICOM, jsonObject{"userIdentity": jsonObject{"type": 1, "primaryField": "radiologist"}}, jsonObject{"op": "echo"})
		if s.final(0) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// storedDigests gives the digests of the Data Sets that the gateway holds of a Study, sorted.
func storedDigests(t *testing.T, g *gateway, study string) []string {
	t.Helper()
	folder := t.TempDir()
	retrieved(t, g, study, folder)
	return sums(t, list(t, folder))
}

// pixelDigest gives the digest of a file's Pixel Data, "" when it has none.
func pixelDigest(t *testing.T, file []byte) string {
	t.Helper()
	h, _, err := dataset.ReadFileHeader(bytes.NewReader(file), dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ts, _ := dicom.LookupTransferSyntax(dicom.ExplicitVRLittleEndian)
	s, err := dataset.Parse(file[len(h.Raw):], ts, dataset.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e := s.Get(tag.PixelData)
	if e == nil {
		return ""
	}
	return digestOf(e.Value)
}
