package dicomweb

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/dicom"
)

const (
	jls        dicom.UID = "1.2.840.10008.1.2.4.80"
	jpeg       dicom.UID = "1.2.840.10008.1.2.4.50"
	implicitLE           = dicom.ImplicitVRLittleEndian
)

// describe writes an offer shortly: "multi application/dicom 1.2.840.10008.1.2.1".
func (o offer) describe() string {
	s := "single "
	if o.multipart {
		s = "multi "
	}
	return s + o.contentType() + " " + string(o.syntax)
}

func TestChooseObject(t *testing.T) {
	for _, tc := range []struct {
		name, accept string
		stored       dicom.UID
		many         bool
		want         string // "" is 406
	}{
		{name: "W7 no Accept", stored: implicitLE, want: "multi application/dicom 1.2.840.10008.1.2"},
		{name: "W6 anything", accept: "*/*", stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W6 any multipart", accept: "multipart/*", stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W6 multipart without type", accept: "multipart/related", stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W5 no transfer syntax is Explicit VR LE", accept: `multipart/related; type="application/dicom"`, stored: implicitLE, want: "multi application/dicom 1.2.840.10008.1.2.1"},
		{name: "W5 as is", accept: `multipart/related; type="application/dicom"`, stored: explicitLE, want: "multi application/dicom 1.2.840.10008.1.2.1"},
		{name: "W5 big endian", accept: `application/dicom`, stored: dicom.ExplicitVRBigEndian, want: "single application/dicom 1.2.840.10008.1.2.1"},
		{name: "W5 deflated", accept: `application/dicom`, stored: dicom.DeflatedExplicitVRLittleEndian, want: "single application/dicom 1.2.840.10008.1.2.1"},
		{name: "W5 lossless compressed cannot be re-encoded", accept: `application/dicom`, stored: jls},
		{name: "W5 lossy is given as it is", accept: `application/dicom`, stored: jpeg, want: "single application/dicom 1.2.840.10008.1.2.4.50"},
		{name: "W4 any transfer syntax", accept: `multipart/related; type="application/dicom"; transfer-syntax=*`, stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W4 quoted star", accept: `multipart/related; type="application/dicom"; transfer-syntax="*"`, stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W4 star inside type", accept: `multipart/related; type="application/dicom; transfer-syntax=*"`, stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W4 unquoted type", accept: `multipart/related; type=application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80`, stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "W1 odd case", accept: `Multipart/Related; Type="Application/DICOM"; Transfer-Syntax=*`, stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "other transfer syntax", accept: `application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90`, stored: jls},
		{name: "second choice", accept: `application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90, application/dicom; transfer-syntax=1.2.840.10008.1.2.1`, stored: implicitLE, want: "single application/dicom 1.2.840.10008.1.2.1"},
		{name: "W6 q beats order", accept: `application/dicom; transfer-syntax=*; q=0.3, multipart/related; type="application/dicom"; transfer-syntax=*; q=0.9`, stored: explicitLE, want: "multi application/dicom 1.2.840.10008.1.2.1"},
		{name: "W6 order among equals", accept: `application/dicom; transfer-syntax=*, multipart/related; type="application/dicom"; transfer-syntax=*`, stored: explicitLE, want: "single application/dicom 1.2.840.10008.1.2.1"},
		{name: "W6 q=0 forbids", accept: `application/dicom; q=0, application/*`, stored: explicitLE},
		{name: "W6 closest range counts", accept: `*/*; q=0.1, multipart/related; type="application/dicom"; transfer-syntax=*; q=0`, stored: jls, want: "single application/dicom 1.2.840.10008.1.2.4.80"},
		{name: "single part for many instances", accept: `application/dicom; transfer-syntax=*`, stored: jls, many: true},
		{name: "JSON is no instance", accept: `application/dicom+json`, stored: explicitLE},
		{name: "browser", accept: `text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8`, stored: jls, want: "multi application/dicom 1.2.840.10008.1.2.4.80"},
	} {
		a, err := parseAccept(tc.accept)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := ""
		if o, ok := a.choose(objectOffers(tc.stored, !tc.many)); ok {
			got = o.describe()
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestChooseFrames(t *testing.T) {
	for _, tc := range []struct {
		name, accept string
		stored       dicom.UID
		compressed   bool
		many         bool
		want         string
	}{
		{name: "OHIF, native", accept: `multipart/related; type=application/octet-stream; transfer-syntax=*`, stored: implicitLE, want: "multi application/octet-stream 1.2.840.10008.1.2.1"},
		{name: "OHIF, compressed", accept: `multipart/related; type=application/octet-stream; transfer-syntax=*`, stored: jls, compressed: true, want: "multi image/jls 1.2.840.10008.1.2.4.80"},
		{name: "native by default", accept: `multipart/related; type="application/octet-stream"`, stored: explicitLE, want: "multi application/octet-stream 1.2.840.10008.1.2.1"},
		{name: "compressed by default", accept: `multipart/related; type="application/octet-stream"`, stored: jls, compressed: true},
		{name: "by media type", accept: `multipart/related; type="image/jls"`, stored: jls, compressed: true, want: "multi image/jls 1.2.840.10008.1.2.4.80"},
		{name: "media range", accept: `multipart/related; type="image/*"`, stored: "1.2.840.10008.1.2.4.201", compressed: true, want: "multi image/jphc 1.2.840.10008.1.2.4.201"},
		{name: "media type and transfer syntax", accept: `multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.70`, stored: jpeg, compressed: true},
		{name: "single part", accept: `image/jls`, stored: jls, compressed: true, want: "single image/jls 1.2.840.10008.1.2.4.80"},
		{name: "single part octets", accept: `application/octet-stream`, stored: implicitLE, want: "single application/octet-stream 1.2.840.10008.1.2.1"},
		{name: "single part of many", accept: `application/octet-stream`, stored: implicitLE, many: true},
		{name: "list of all types", accept: `multipart/related; type="image/jls", multipart/related; type="image/jp2", multipart/related; type="application/octet-stream"`, stored: implicitLE, want: "multi application/octet-stream 1.2.840.10008.1.2.1"},
		{name: "anything", accept: `*/*`, stored: "1.2.840.10008.1.2.5", compressed: true, want: "multi image/dicom-rle 1.2.840.10008.1.2.5"},
		{name: "encapsulated uncompressed", accept: `application/octet-stream`, stored: encapsulatedUncompressed, compressed: true, want: "single application/octet-stream 1.2.840.10008.1.2.1"},
	} {
		a, err := parseAccept(tc.accept)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := ""
		if o, ok := a.choose(frameOffers(tc.stored, tc.compressed, !tc.many)); ok {
			got = o.describe()
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestMalformedAccept(t *testing.T) {
	for _, s := range []string{"dicom", `multipart/related; type="x`, "a/b; q=2", "a/b; q=x", "a/b; q=NaN", `multipart/related; type="x"`} {
		if a, err := parseAccept(s); err == nil {
			t.Errorf("%q: %+v", s, a)
		}
	}
}

func TestMediaTypeOfEverySyntax(t *testing.T) {
	got := map[string]string{}
	for _, ts := range dicom.TransferSyntaxes() {
		if ts.Encapsulated && ts.Pixels {
			got[frameMedia(ts.UID)] += string(ts.UID)[len("1.2.840.10008.1.2."):] + " "
		}
	}
	want := map[string]string{ // PS3.18 table 8.7.3-5
		"application/octet-stream": "1.98 ",
		"application/x-deflate":    "8.1 ",
		"image/dicom-rle":          "5 ",
		"image/jpeg":               "4.50 4.51 4.52 4.53 4.54 4.55 4.56 4.57 4.58 4.59 4.60 4.61 4.62 4.63 4.64 4.65 4.66 4.70 ",
		"image/jls":                "4.80 4.81 ",
		"image/jp2":                "4.90 4.91 ",
		"image/jpx":                "4.92 4.93 ",
		"image/jphc":               "4.201 4.202 4.203 ",
		"image/jxl":                "4.110 4.111 4.112 ",
		"video/mpeg":               "4.100 4.100.1 4.101 4.101.1 ",
		"video/mp4":                "4.102 4.102.1 4.103 4.103.1 4.104 4.104.1 4.105 4.105.1 4.106 4.106.1 ",
		"video/h265":               "4.107 4.108 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
