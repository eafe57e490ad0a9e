package dataset

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/halong-gateway/halong/dicom"
	"pgregory.net/rapid"
)

func TestSetValues(t *testing.T) {
	var s Set
	s.PutString(0x00080060, dicom.CS, "CT")
	s.PutString(0x00080008, dicom.CS, "ORIGINAL", "PRIMARY", "")
	s.PutString(0x00100010, dicom.PN, "Nguyễn^Đức")
	s.PutString(0x00204000, dicom.LT, " a\\b ")
	s.PutString(0x00200013, dicom.IS, " 7 ", "8")
	s.PutString(0x00280030, dicom.DS, "0.5", "1e1")
	s.PutInt(0x00280010, dicom.US, 65535)
	s.PutInt(0x00280106, dicom.SS, -5, 6)
	s.PutInt(0x00280009, dicom.UL, 1<<32-1)
	s.PutInt(0x00720082, dicom.SV, -1<<40)
	s.PutInt(0x00200011, dicom.IS, 12345)
	s.Put(Element{Tag: 0x0020000E, VR: dicom.UI, Value: []byte("1.2.3\x00")})
	s.Put(Element{Tag: 0x00280008, VR: dicom.AT, Value: []byte{0x28, 0, 0x10, 0}})
	s.Put(Element{Tag: 0x00700022, VR: dicom.FL, Value: []byte{0, 0, 0x20, 0x40}})
	s.Put(Element{Tag: 0x7FE00010, VR: dicom.OW, Value: []byte{1, 2}})
	tests := []struct {
		tag  dicom.Tag
		want []string
		ints []int64
	}{
		{0x00080060, []string{"CT"}, nil},
		{0x00080008, []string{"ORIGINAL", "PRIMARY", ""}, nil},
		{0x00100010, []string{"Nguyễn^Đức"}, nil},
		{0x00204000, []string{` a\b`}, nil},
		{0x00200013, []string{"7", "8"}, []int64{7, 8}},
		{0x00280030, []string{"0.5", "1e1"}, nil},
		{0x00280010, []string{"65535"}, []int64{65535}},
		{0x00280106, []string{"-5", "6"}, []int64{-5, 6}},
		{0x00280009, []string{"4294967295"}, []int64{1<<32 - 1}},
		{0x00720082, []string{"-1099511627776"}, []int64{-1 << 40}},
		{0x00200011, []string{"12345"}, []int64{12345}},
		{0x0020000E, []string{"1.2.3"}, nil},
		{0x00280008, []string{"00280010"}, nil},
		{0x00700022, []string{"2.5"}, nil},
		{0x7FE00010, nil, nil},
		{0x00100020, nil, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, s.Strings(tt.tag)); diff != "" {
			t.Errorf("Strings(%v): %s", tt.tag, diff)
		}
		if diff := cmp.Diff(tt.ints, s.Ints(tt.tag)); diff != "" {
			t.Errorf("Ints(%v): %s", tt.tag, diff)
		}
	}
	if diff := cmp.Diff([]float64{0.5, 10}, s.Floats(0x00280030)); diff != "" {
		t.Error(diff)
	}
	if got := s.UID(0x0020000E); got != "1.2.3" {
		t.Errorf("UID %q", got)
	}
	for i := 1; i < len(s.Elements); i++ {
		if s.Elements[i-1].Tag >= s.Elements[i].Tag {
			t.Errorf("%v before %v", s.Elements[i-1].Tag, s.Elements[i].Tag)
		}
	}
	s.Delete(0x00080060)
	if n, ok := s.Int(0x00280010); s.Get(0x00080060) != nil || n != 65535 || !ok {
		t.Error("Delete")
	}
}

// P12: Specific Character Set of the data set and of items; text becomes UTF-8.
func TestP12CharacterSets(t *testing.T) {
	var plain, own, s Set
	plain.Put(Element{Tag: 0x00080104, VR: dicom.LO, Value: []byte("Gr\xFC\xDFe ")})
	own.PutString(0x00080005, dicom.CS, "ISO_IR 192")
	own.PutString(0x00080104, dicom.LO, "Đức")
	s.PutString(0x00080005, dicom.CS, "ISO_IR 100")
	s.Put(Element{Tag: 0x00081140, VR: dicom.SQ, Items: []*Set{&plain, &own}})
	s.Put(Element{Tag: 0x00100010, VR: dicom.PN, Value: []byte("Buc^J\xE9r\xF4me")})
	body := s.Append(nil, syntax(t, explicit))

	r := NewReader(bytes.NewReader(body), syntax(t, explicit))
	var read []string
	for {
		k, err := r.Next()
		if err != nil {
			break
		}
		if k.Kind == DataElement && k.VR.IsText() {
			v, err := r.Value()
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, string(r.Charset().Decode(nil, v, k.VR)))
		}
	}
	if diff := cmp.Diff([]string{"Grüße ", "Đức", "Buc^Jérôme"}, read); diff != "" {
		t.Errorf("Reader: %s", diff)
	}

	got, err := Parse(body, syntax(t, explicit), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		items := got.Get(0x00081140).Items
		text := []string{got.String(0x00100010), items[0].String(0x00080104), items[1].String(0x00080104)}
		if diff := cmp.Diff([]string{"Buc^Jérôme", "Grüße", "Đức"}, text); diff != "" {
			t.Error(diff)
		}
	}
	check()
	got.DecodeUTF8()
	check()
	if cs := got.String(0x00080005); cs != "ISO_IR 192" {
		t.Errorf("Specific Character Set %q", cs)
	}
	got, err = Parse(got.Append(nil, syntax(t, bigEnd)), syntax(t, bigEnd), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	check()
	if got.Get(0x00081140).Items[1].Get(0x00080005) != nil {
		t.Error("the item still has a Specific Character Set of its own")
	}
	var ascii Set
	ascii.PutString(0x00080005, dicom.CS, "ISO_IR 100")
	ascii.PutString(0x00100010, dicom.PN, "A^B")
	ascii.DecodeUTF8()
	if ascii.Get(0x00080005) != nil {
		t.Error("ASCII needs no Specific Character Set")
	}
}

func TestReadSequence(t *testing.T) {
	body := encodeTestSet(t, explicit)
	r := NewReader(bytes.NewReader(body), syntax(t, explicit))
	for {
		k, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if k.Kind != SequenceStart {
			continue
		}
		e, err := r.ReadSequence(k)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Items) != 3 || e.Items[2].String(0x00080100) != "CODE" || e.Tag != k.Tag {
			t.Errorf("%+v", e)
		}
		if k, err := r.Next(); err != nil || k.Tag != 0x00100010 {
			t.Errorf("after the sequence: %v, %v", k.Tag, err)
		}
		return
	}
}

// Decode, encode and decode again gives the same, in every native syntax.
func TestRoundTripProperty(t *testing.T) {
	vrs := []dicom.VR{dicom.CS, dicom.LO, dicom.OB, dicom.OW, dicom.US, dicom.FD, dicom.UI, dicom.UT, dicom.UN, dicom.SQ, dicom.AT, dicom.OV}
	var draw func(rt *rapid.T, depth int) *Set
	draw = func(rt *rapid.T, depth int) *Set {
		s := &Set{}
		for range rapid.IntRange(0, 6).Draw(rt, "elements") {
			e := Element{Tag: dicom.Tag(rapid.Uint32Range(0x00090000, 0x00090FFF).Draw(rt, "tag")), VR: rapid.SampledFrom(vrs).Draw(rt, "vr")}
			if isGroupLength(e.Tag) {
				continue
			}
			switch {
			case e.VR != dicom.SQ:
				e.Value = rapid.SliceOfN(rapid.Byte(), 0, 24).Draw(rt, "value")
				e.Value = e.Value[:len(e.Value)/8*8]
				if len(e.Value) == 0 {
					e.Value = nil
				}
			case depth < 4:
				for range rapid.IntRange(0, 3).Draw(rt, "items") {
					e.Items = append(e.Items, draw(rt, depth+1))
				}
			}
			s.Put(e)
		}
		return s
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := draw(rt, 0)
		for _, uid := range []dicom.UID{explicit, bigEnd, deflated} {
			ts := syntax(t, uid)
			got, err := Parse(s.Append(nil, ts), ts, Limits{})
			if err != nil {
				rt.Fatalf("%s: %v", uid, err)
			}
			if where := differs(s, got); where != "" {
				rt.Fatalf("%s: %s differs", uid, where)
			}
		}
	})
}
