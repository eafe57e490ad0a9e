package multipart

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMediaType(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want MediaType
		bad  bool
	}{
		{in: `multipart/related; type="application/dicom"; boundary=abc`, // W1
			want: MediaType{"multipart/related", []Param{{"type", "application/dicom"}, {"boundary", "abc"}}}},
		{in: `multipart/related;type=application/dicom;boundary="a b;c,d"`, // W1
			want: MediaType{"multipart/related", []Param{{"type", "application/dicom"}, {"boundary", "a b;c,d"}}}},
		{in: "Multipart/Related;\r\n\tBOUNDARY = abc ;Type=\"Application/DICOM\" ; ", // W2
			want: MediaType{"multipart/related", []Param{{"boundary", "abc"}, {"type", "Application/DICOM"}}}},
		{in: `multipart/related; boundary=abc;type="application/dicom"; start="<1@x>"`, // W2
			want: MediaType{"multipart/related", []Param{{"boundary", "abc"}, {"type", "application/dicom"}, {"start", "<1@x>"}}}},
		{in: `text/plain; x="a\"b\\c"`, want: MediaType{"text/plain", []Param{{"x", `a"b\c`}}}},
		{in: `*`, want: MediaType{Type: "*/*"}},
		{in: `multipart/related; boundary=`, want: MediaType{"multipart/related", []Param{{"boundary", ""}}}},
		{in: `application`, bad: true},
		{in: `a/b; x="c`, bad: true},
		{in: `a/b; x`, bad: true},
		{in: `a/b, c/d`, bad: true},
		{in: `a/b c`, bad: true},
		{in: ``, bad: true},
	} {
		got, err := ParseMediaType(tc.in)
		if tc.bad != (err != nil) {
			t.Errorf("%q: %v", tc.in, err)
		} else if diff := cmp.Diff(tc.want, got); diff != "" && !tc.bad {
			t.Errorf("%q: %s", tc.in, diff)
		}
	}
}

func TestParseMediaTypes(t *testing.T) {
	got, err := ParseMediaTypes(` ,multipart/related; type="a/b, c"; q=0.5 ,, image/*;q=0,*/*`)
	want := []MediaType{{"multipart/related", []Param{{"type", "a/b, c"}, {"q", "0.5"}}}, {"image/*", []Param{{"q", "0"}}}, {Type: "*/*"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}
