package dicomweb

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
)

// inStudy puts an instance into a study, and a series of it, of its own.
func inStudy(study, series string, more ...func(*dataset.Set)) func(*dataset.Set) {
	return func(s *dataset.Set) {
		s.PutString(tag.StudyInstanceUID, dicom.UI, study)
		s.PutString(tag.SeriesInstanceUID, dicom.UI, series)
		for _, f := range more {
			f(s)
		}
	}
}

func text(t dicom.Tag, v string) func(*dataset.Set) {
	return func(s *dataset.Set) { s.PutString(t, dicom.VROf(t), v) }
}

// W11: what one caller pages through does not move another's pages, even of the same search, and when the ends of its pages are
// forgotten paging goes on by a bounded offset.
func TestW11CallersAndEviction(t *testing.T) {
	s := serveReal(t)
	study := func(n int, date string) []byte {
		return file(fmt.Sprintf("1.2.3.%d.1.1", n), inStudy(fmt.Sprintf("1.2.3.%d", n), fmt.Sprintf("1.2.3.%d.1", n), text(tag.StudyDate, date)))
	}
	for n := 10; n < 16; n++ {
		s.put(study(n, "20260101"))
	}
	page := func(offset int, headers ...string) []string {
		t.Helper()
		return sops(results(t, s.want(s.get(fmt.Sprintf("/studies?limit=2&offset=%d", offset), headers...), 200)))
	}
	one, other := "X-Real-Ip: 10.0.0.1", "X-Real-Ip: 10.0.0.2"
	first := page(0, one)
	s.put(study(99, "20260109")) // stands before all
	if diff := cmp.Diff([]string{"1.2.3.99", "1.2.3.10"}, page(0, other)); diff != "" {
		t.Error(diff)
	}
	if got := append(first, page(2, one)...); cmp.Diff([]string{"1.2.3.10", "1.2.3.11", "1.2.3.12", "1.2.3.13"}, got) != "" {
		t.Errorf("one: %v", got)
	}
	if diff := cmp.Diff([]string{"1.2.3.11", "1.2.3.12"}, page(2, other)); diff != "" {
		t.Errorf("other: %s", diff)
	}
	if diff := cmp.Diff([]string{"1.2.3.14", "1.2.3.15"}, page(4, one)); diff != "" {
		t.Errorf("one, third page: %s", diff)
	}
	for i := range rememberedPages { // as many other searches push out the ends
		s.get(fmt.Sprintf("/studies?limit=1&x=%d", i), one)
	}
	if diff := cmp.Diff([]string{"1.2.3.13", "1.2.3.14"}, page(4, one)); diff != "" { // by offset, of what there is now
		t.Errorf("after the eviction: %s", diff)
	}
	s.want(s.get(fmt.Sprintf("/studies?offset=%d", maxOffset)), 200)
	s.want(s.get(fmt.Sprintf("/studies?offset=%d", maxOffset+1)), http.StatusBadRequest)
}

// W15: ranges of dates and times, open and closed, encoded or not; of a date and a time together they are moments, also across midnight;
// times are in the zone that the client names.
func TestW15Ranges(t *testing.T) {
	s := serveReal(t)
	for i, at := range [][3]string{ // date, time, offset
		{"20260101", "2300", ""}, {"20260102", "0030", ""}, {"20260102", "2330", ""}, {"20260103", "0100", "+0700"}, {"20260110", "1200", "+0000"}, {"", "", ""},
	} {
		s.put(file(fmt.Sprintf("1.2.3.%d.1.1", i), inStudy(fmt.Sprintf("1.2.3.%d", i), fmt.Sprintf("1.2.3.%d.1", i),
			text(tag.StudyDate, at[0]), text(tag.StudyTime, at[1]), text(tag.TimezoneOffsetFromUTC, at[2]))))
	}
	for _, c := range []struct{ query, want string }{
		{"StudyDate=20260102", "1 2"},
		{"StudyDate=20260101-20260102", "0 1 2"},
		{"StudyDate=20260101%2D20260102", "0 1 2"},
		{"StudyDate=-20260101", "0"},
		{"StudyDate=%2D20260101", "0"},
		{"StudyDate=20260103-", "3 4"},
		{"00080020=20260103-", "3 4"},
		{"StudyTime=2300-", "0 2"},
		{"StudyTime=-0030", "1"},
		{"StudyDate=20260101-20260102&StudyTime=2200-0100", "0 1"}, // from one evening to the next day's first hour
		{"StudyDate=20260101-&StudyTime=2330-", "1 2 3 4"},
		{"StudyDate=-20260102&StudyTime=-0030", "0 1"},
		{"StudyDate=20260102&StudyTime=2300-2359", "2"},
		{"StudyDate=20260102&TimezoneOffsetFromUTC=%2B0000", "1 2 3"}, // of 3 it is still the evening before in UTC
		{"StudyDate=20260102&TimezoneOffsetFromUTC=+0000", "1 2 3"},
		{"StudyDate=20260102&00080201=-0500", "1 2 3"},
		{"StudyDate=20260110&StudyTime=1900&TimezoneOffsetFromUTC=%2B0700", "4"},
	} {
		got := []string{}
		for _, uid := range sops(results(t, s.want(s.get("/studies?"+c.query), 200))) {
			got = append(got, strings.TrimPrefix(uid, "1.2.3."))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.query, got, c.want)
		}
	}
	for _, bad := range []string{"StudyDate=20260102-20260101x", "StudyDate=2026-01-02", "StudyTime=25", "TimezoneOffsetFromUTC=Hanoi", "TimezoneOffsetFromUTC=%2B0700-%2B0800"} {
		s.want(s.get("/studies?"+bad), http.StatusBadRequest)
	}
}

// W16: counts and Modalities in Study are those of what was acknowledged, at every level and every instant of an ingest and a deletion,
// however often they were asked for before.
func TestW16CountsAreFresh(t *testing.T) {
	h := openHouse(t, t.TempDir(), "one")
	defer h.close()
	check := func(series, instances, inLast int, modalities ...any) {
		t.Helper()
		for range 2 { // the second may be a ready answer
			st := results(t, h.want(h.get("/studies?StudyInstanceUID=1.2.3"), 200))[0]
			got := fmt.Sprint(st["00201206"].Value, st["00201208"].Value)
			if want := fmt.Sprintf("[%d] [%d]", series, instances); got != want || cmp.Diff(modalities, st["00080061"].Value) != "" {
				t.Errorf("study: %s %v, want %s %v", got, st["00080061"].Value, want, modalities)
			}
			all := results(t, h.want(h.get("/studies/1.2.3/series"), 200))
			if len(all) != series || fmt.Sprint(all[series-1]["00201209"].Value) != fmt.Sprintf("[%d]", inLast) {
				t.Errorf("series: %v, want %d with %d in the last", all, series, inLast)
			}
			if n := len(results(t, h.want(h.get("/studies/1.2.3/instances"), 200))); n != instances {
				t.Errorf("%d instances, want %d", n, instances)
			}
		}
	}
	n := 0
	for series, modality := range []string{"CT", "SR", "PR"} {
		for i := range 3 {
			n++
			h.put(file(fmt.Sprintf("1.2.3.%d.%d", series, i), inStudy("1.2.3", fmt.Sprintf("1.2.3.%d", series),
				text(tag.Modality, modality), text(tag.SeriesNumber, fmt.Sprint(series)))))
			check(series+1, n, i+1, [][]any{{"CT"}, {"CT", "SR"}, {"CT", "PR", "SR"}}[series]...)
		}
	}
	for _, gone := range []storage.Ref{{Study: "1.2.3", Series: "1.2.3.2", SOP: "1.2.3.2.0"}, {Study: "1.2.3", Series: "1.2.3.1"}} {
		if _, err := h.archive.Delete(t.Context(), storage.Deletion{Scope: halong.Everything(), Ref: gone, Reason: "test"}); err != nil {
			t.Fatal(err)
		}
		if gone.SOP != "" {
			check(3, 8, 2, "CT", "PR", "SR")
		} else {
			check(2, 5, 2, "CT", "PR")
		}
	}
}

// W23: the same request again stores nothing twice and is 200; a study that the URL does not name, an object that nobody can read and
// one without UIDs spoil no other, and no UID is invented.
func TestW23RealArchive(t *testing.T) {
	s := serveReal(t)
	a, b := file("1.2.3.5"), file("1.2.3.6")
	nameless := file("1.2.3.7", func(d *dataset.Set) { d.PutString(tag.SOPInstanceUID, dicom.UI, "") })
	for range 2 {
		s.want(s.do(http.MethodPost, "/studies", body(a, b), stowType), http.StatusOK)
	}
	for _, c := range []struct {
		path  string
		parts [][]byte
		want  int
	}{
		{"/studies/1.2.3", [][]byte{a, []byte("nothing that DICOM knows"), b}, http.StatusAccepted},
		{"/studies/1.2.3", [][]byte{a, nameless, b}, http.StatusAccepted},
		{"/studies/1.2.4", [][]byte{a, b}, http.StatusConflict},
		{"/studies", [][]byte{[]byte("nothing")}, http.StatusConflict},
	} {
		w := s.do(http.MethodPost, c.path, body(c.parts...), stowType)
		if got := s.want(w, c.want); c.want == http.StatusAccepted && (strings.Count(got, `"00081155"`) != 2 || !strings.Contains(got, `"0008119A"`)) {
			t.Errorf("%s: %s", c.path, got)
		}
	}
	if got := sops(results(t, s.want(s.get("/instances"), 200))); cmp.Diff([]string{"1.2.3.5", "1.2.3.6"}, got) != "" {
		t.Errorf("%v are there", got)
	}
}

// The JSON model through the whole of it, STOW-RS to QIDO-RS and WADO-RS: J1 names with groups, J2 empty and absent values, J4 AT and
// binary values, J5 private elements and sequences with their creators, J8 order, character set and what is left out.
func TestJSONModelThroughTheServer(t *testing.T) {
	s := serveReal(t)
	s.put(file("1.2.3.5", func(d *dataset.Set) {
		d.PutString(tag.SpecificCharacterSet, dicom.CS, "ISO_IR 192")
		d.PutString(tag.PatientName, dicom.PN, "Wang^XiaoDong=王^小東")
		d.PutString(tag.ReferringPhysicianName, dicom.PN, "=王^小東")
		d.PutString(tag.ImageType, dicom.CS, `A\\B`)
		d.PutString(tag.AccessionNumber, dicom.SH, "")
		d.Put(dataset.Element{Tag: tag.FrameIncrementPointer, VR: dicom.AT, Value: []byte{0x18, 0, 0x63, 0x10}})
		d.PutString(dicom.NewTag(9, 0x10), dicom.LO, "ACME")
		d.Put(dataset.Element{Tag: dicom.NewTag(9, 0x1001), VR: dicom.UN, Value: []byte{1, 2}})
		item := &dataset.Set{}
		item.PutString(dicom.NewTag(9, 0x10), dicom.LO, "ACME")
		item.PutString(dicom.NewTag(9, 0x1003), dicom.LO, "x")
		d.Put(dataset.Element{Tag: dicom.NewTag(9, 0x1002), VR: dicom.SQ, Items: []*dataset.Set{item, {}}})
	}))
	const want = `[{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080008":{"vr":"CS","Value":["A",null,"B"]},` +
		`"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080018":{"vr":"UI","Value":["1.2.3.5"]},"00080050":{"vr":"SH"},` +
		`"00080090":{"vr":"PN","Value":[{"Ideographic":"王^小東"}]},"00090010":{"vr":"LO","Value":["ACME"]},"00091001":{"vr":"UN","InlineBinary":"AQI="},` +
		`"00091002":{"vr":"SQ","Value":[{"00090010":{"vr":"LO","Value":["ACME"]},"00091003":{"vr":"LO","Value":["x"]}},{}]},` +
		`"00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^XiaoDong","Ideographic":"王^小東"}]},"0020000D":{"vr":"UI","Value":["1.2.3"]},` +
		`"0020000E":{"vr":"UI","Value":["1.2.3.4"]},"00280009":{"vr":"AT","Value":["00181063"]}}]`
	if diff := cmp.Diff(want, s.want(s.get("/studies/1.2.3/metadata"), 200)); diff != "" {
		t.Error(diff)
	}
	row := s.want(s.get("/instances?includefield=00091002,00091001,FrameIncrementPointer&"+url.Values{"PatientName": {"=王*"}}.Encode()), 200)
	for _, part := range []string{
		`"00080090":{"vr":"PN","Value":[{"Ideographic":"王^小東"}]}`, `"00091001":{"vr":"UN","InlineBinary":"AQI="}`, `"00090010":{"vr":"LO","Value":["ACME"]}`,
		`"00091002":{"vr":"SQ","Value":[{"00090010":{"vr":"LO","Value":["ACME"]},"00091003":{"vr":"LO","Value":["x"]}},{}]}`, `"00280009":{"vr":"AT","Value":["00181063"]}`,
		`"00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^XiaoDong","Ideographic":"王^小東"}]}`, `"00080050":{"vr":"SH"}`,
	} {
		if !strings.Contains(row, part) {
			t.Errorf("a row lacks %s: %s", part, row)
		}
	}
}
