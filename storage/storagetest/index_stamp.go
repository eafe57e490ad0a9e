package storagetest

import (
	"context"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

// indexStamp: stamps change with everything that changes what Instances or Find give, and with nothing else.
func indexStamp(t *testing.T, x storage.Index) {
	scope := halong.Scope{Own: "BV1", Visible: []halong.Facility{"BV2"}}
	stamp := func(series string) storage.Stamp {
		t.Helper()
		s, err := x.Stamp(context.Background(), scope, storage.Ref{Study: "1.2.1", Series: dicom.UID(series)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	_, err := x.Stamp(context.Background(), scope, storage.Ref{Study: "1.2.1"})
	wantKind(t, err, halong.NotExist)
	first := Object{Facility: "BV1", Study: "1.2.1", Series: "1.2.1.1", SOP: "1.2.1.1.1", Modality: "CT", Date: "20260101"}
	other := Object{Facility: "BV1", Study: "1.2.1", Series: "1.2.1.2", SOP: "1.2.1.2.1", Modality: "SR"}
	add(t, x, storage.ServeFirst, first, other)
	_, err = x.Stamp(context.Background(), scope, storage.Ref{Study: "1.2.1", Series: "1.2.1.9"})
	wantKind(t, err, halong.NotExist)
	if s := stamp(""); s.Study == "" || s.Series != "" {
		t.Errorf("%+v", s)
	}
	second := first
	second.Content = "second version"
	fills := first
	fills.SOP, fills.SeriesText, fills.ID = "1.2.1.1.2", "now it has a description", "ID1"
	elsewhere := fills
	elsewhere.Facility = "BV2"
	hidden := fills
	hidden.Facility, hidden.SOP = "BV3", "1.2.1.1.3"
	for _, c := range []struct {
		name                string
		change              func()
		study, series, next bool // what changes: study, series 1, series 2
	}{
		{"nothing", func() {}, false, false, false},
		{"a duplicate", func() { add(t, x, storage.ServeFirst, first) }, false, false, false},
		{"another study", func() {
			add(t, x, storage.ServeFirst, Object{Facility: "BV1", Study: "1.2.2", Series: "1.2.2.1", SOP: "1.2.2.1.1"})
		}, false, false, false},
		{"a version that is not served", func() { add(t, x, storage.ServeFirst, second) }, true, true, false},
		{"its removal", func() { remove(t, x, second) }, true, true, false},
		{"a version that is served", func() { add(t, x, storage.ServeLast, second) }, true, true, false},
		{"its removal, too", func() { remove(t, x, second) }, true, true, false},
		{"an instance with more attributes", func() { add(t, x, storage.ServeFirst, fills) }, true, true, false},
		{"another hospital's", func() { add(t, x, storage.ServeFirst, elsewhere) }, true, true, false},
		{"one that is not visible", func() { add(t, x, storage.ServeFirst, hidden) }, false, false, false},
		{"removal of the other hospital's", func() { remove(t, x, elsewhere) }, true, true, false},
		{"removal of an instance", func() { remove(t, x, fills) }, true, true, false},
	} {
		a1, b1 := stamp("1.2.1.1"), stamp("1.2.1.2")
		c.change()
		a2, b2 := stamp("1.2.1.1"), stamp("1.2.1.2")
		if (a1.Study != a2.Study) != c.study || (a1.Series != a2.Series) != c.series || (b1.Series != b2.Series) != c.next {
			t.Errorf("%s: %+v, then %+v; %+v, then %+v", c.name, a1, a2, b1, b2)
		}
	}
	before := stamp("1.2.1.2")
	remove(t, x, other)
	add(t, x, storage.ServeFirst, other)
	if after := stamp("1.2.1.2"); after == before {
		t.Errorf("a series that went and came again: %+v", after)
	}
}
