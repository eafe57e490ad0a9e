package dicom

import (
	"slices"
	"testing"

	suyashtag "github.com/suyashkumar/dicom/pkg/tag"
)

// Every element is found by its tag and by its keyword; the second opinion is
// the module that the table was made from, looked up by its own means.
func TestDictionaryAgainstSecondOpinion(t *testing.T) {
	// the module files 0028,04x0 to 04x3 under 0028,0400 to 0403, which are other elements
	different := []Tag{0x00280400, 0x00280401, 0x00280402, 0x00280403}
	seen := 0
	for i, e := range entries {
		if i > 0 && e.Tag <= entries[i-1].Tag {
			t.Fatalf("%v after %v", e.Tag, entries[i-1].Tag)
		}
		if got, ok := Lookup(e.Tag); !ok || got.Keyword != e.Keyword {
			t.Errorf("%v: %+v", e.Tag, got)
		}
		if got, ok := LookupKeyword(e.Keyword); e.Keyword != "" && (!ok || got.Tag != e.Tag) {
			t.Errorf("%s: %+v", e.Keyword, got)
		}
		if VROf(e.Tag) == 0 || len(e.VRs) > 0 && (e.VR != e.VRs[0] || !slices.Contains(e.VRs, VROf(e.Tag))) {
			t.Errorf("%v: %v of %v", e.Tag, VROf(e.Tag), e.VRs)
		}
		if slices.Contains(different, e.Tag) || e.Tag.Element() == 0 {
			continue
		}
		if info, err := suyashtag.Find(suyashtag.Tag{Group: e.Tag.Group(), Element: e.Tag.Element()}); err == nil {
			seen++
			compare(t, e, info)
		}
	}
	if len(entries) < 5150 || seen < 5100 {
		t.Errorf("%d elements, %d compared", len(entries), seen)
	}
}

func compare(t *testing.T, e Entry, info suyashtag.Info) {
	t.Helper()
	var vrs []string
	for _, v := range e.VRs {
		vrs = append(vrs, v.String())
	}
	want := slices.DeleteFunc(slices.Clone(info.VRs), func(v string) bool { return v == "NA" })
	if !slices.Equal(vrs, want) || e.Keyword != info.Keyword || e.VM != info.VM || e.Retired != info.Retired {
		t.Errorf("%v: %+v, the module has %+v", e.Tag, e, info)
	}
}
