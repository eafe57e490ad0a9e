package dicom_test

import (
	"slices"
	"strings"
	"testing"

	suyashuid "github.com/suyashkumar/dicom/pkg/uid"

	"github.com/halong-gateway/halong/dicom"
)

func TestTransferSyntaxes(t *testing.T) {
	all := dicom.TransferSyntaxes()
	if len(all) < 60 {
		t.Errorf("%d transfer syntaxes", len(all))
	}
	for i, ts := range all {
		if got, ok := dicom.LookupTransferSyntax(ts.UID); !ok || got != ts {
			t.Errorf("%s is not found", ts.UID)
		}
		if i > 0 && all[i-1].UID >= ts.UID {
			t.Errorf("%s after %s", ts.UID, all[i-1].UID)
		}
		if !ts.UID.Valid() || ts.Name == "" || ts.Encapsulated && (!ts.Pixels || !ts.ExplicitVR) {
			t.Errorf("%+v", ts)
		}
		// second opinion: byte order and VR
		if order, implicit, err := suyashuid.ParseTransferSyntaxUID(string(ts.UID)); err == nil && ts.UID != "1.2.840.10008.1.20" {
			if implicit == ts.ExplicitVR || (order.Uint16([]byte{0, 1}) == 1) != ts.BigEndian {
				t.Errorf("%s: %v, implicit %t by the module", ts.UID, order, implicit)
			}
		}
	}
	var without []dicom.UID
	for _, ts := range all {
		if !ts.Pixels {
			without = append(without, ts.UID)
		}
	}
	want := []dicom.UID{
		"1.2.840.10008.1.2.4.204", "1.2.840.10008.1.2.4.205", "1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95",
		"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2",
		"1.2.840.10008.1.2.7.1", "1.2.840.10008.1.2.7.2", "1.2.840.10008.1.2.7.3",
	}
	if !slices.Equal(without, want) {
		t.Errorf("without pixels: %v", without)
	}
	for _, u := range []dicom.UID{"", "1.2", "9", "1.2.840.10008.1.2.4.999"} {
		if _, ok := dicom.LookupTransferSyntax(u); ok {
			t.Errorf("%q is found", u)
		}
	}
}

func TestSOPClasses(t *testing.T) {
	for _, c := range []struct {
		uid  dicom.UID
		kind dicom.SOPClassKind
	}{
		{dicom.VerificationSOPClass, dicom.Verification},
		{dicom.MediaStorageDirectory, dicom.MediaDirectory},
		{"1.2.840.10008.5.1.4.1.1.2", dicom.Storage},
		{"1.2.840.10008.5.1.4.1.1.1.1", dicom.Storage},       // … - For Presentation
		{"1.2.840.10008.5.1.1.27", dicom.Storage},            // Stored Print Storage, retired
		{"1.2.840.10008.5.1.4.1.1.12.77", dicom.Storage},     // retired, nameless
		{"1.2.840.10008.5.1.4.1.1.66.7", dicom.Storage},      // Label Map Segmentation
		{"1.2.840.10008.5.1.4.1.1.501.2.1", dicom.Storage},   // DICOS
		{"1.2.840.10008.5.1.4.1.1.601.1", dicom.Storage},     // DICONDE
		{"1.2.840.10008.5.1.4.1.1.601.5", dicom.Storage},     // Ultrasound Waveform
		{"1.2.840.10008.5.1.4.38.1", dicom.Storage},          // Hanging Protocol
		{"1.2.840.10008.5.1.4.1.1.201.1", dicom.Storage},     // Inventory
		{"1.2.840.10008.1.20.1", dicom.StorageCommitment},    //
		{"1.2.840.10008.5.1.4.1.2.2.1", dicom.QueryRetrieve}, // Study Root FIND
		{"1.2.840.10008.5.1.4.31", dicom.ModalityWorklist},
		{"1.2.840.10008.3.1.2.3.3", dicom.PerformedProcedureStep},
		{"1.2.840.10008.5.1.4.34.6.1", dicom.UnifiedProcedureStep},
		{"1.2.840.10008.5.1.1.9", dicom.Print},
		{"1.2.840.10008.10.1", dicom.RealTimeCommunication},
		{"1.2.840.10008.5.1.4.34.8", dicom.OtherService},
	} {
		if got, ok := dicom.LookupSOPClass(c.uid); !ok || got.UID != c.uid || got.Kind != c.kind {
			t.Errorf("%s: %+v, %t, want kind %d", c.uid, got, ok, c.kind)
		}
	}
	list := dicom.StorageSOPClasses()
	if len(list) < 200 {
		t.Errorf("%d storage SOP Classes", len(list))
	}
	for i, c := range list {
		if !c.UID.Valid() || i > 0 && list[i-1].UID >= c.UID {
			t.Errorf("%+v", c)
		}
		if info, err := suyashuid.Lookup(string(c.UID)); err == nil && (info.Type != suyashuid.TypeSOPClass || info.Name != c.Name) {
			t.Errorf("%+v, the module has %+v", c, info)
		}
	}
	if _, ok := dicom.LookupSOPClass("1.2.3"); ok {
		t.Error("1.2.3 is found")
	}
}

func TestLoggable(t *testing.T) {
	long := dicom.UID(strings.Repeat("1", 65))
	for u, want := range map[dicom.UID]string{
		"":              "",
		"1.2.840.10008": "1.2.840.10008",
		"1.02.af":       "1.02.af",
		"NGUYEN VAN AN": "(malformed UID)",
		"1.2\n1.3":      "(malformed UID)",
		"Lê":            "(malformed UID)",
		long:            "(malformed UID)",
	} {
		if got := u.Loggable(); got != want {
			t.Errorf("%q: got %q, want %q", u, got, want)
		}
	}
}
