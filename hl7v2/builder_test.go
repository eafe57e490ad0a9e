package hl7v2

import (
	"strings"
	"testing"
	"time"
)

func TestBuilder(t *testing.T) {
	b := NewBuilder(Header{
		SendingApplication: "LAB", ReceivingFacility: "BV1", Time: time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC),
		Type: [3]string{"ORU", "R01", "ORU_R01"}, ControlID: "7",
	})
	b.Set("PID-3.1", "1234").Set("PID-3[2].4.2", "1.2.3").Set("PID-5", "NGUYỄN").Set("PID-5.2", "AN|B\nC\r\nD")
	b.Set("OBX-3.1", "GLU").Set("OBX[2]-3.1", "NA").Set("OBX[2]-5", `""`).SetRaw("OBX-6", "mg^m&n").Set("OBX-8", "")
	want := "MSH|^~\\&|LAB|||BV1|20261122030405+0000||ORU^R01^ORU_R01|7|P|2.5.1||||||UNICODE UTF-8\r" +
		"PID|||1234~^^^&1.2.3||NGUYỄN^AN\\F\\B\\.br\\C\\.br\\D\r" +
		"OBX|||GLU|||mg^m&n\r" +
		"OBX|||NA||\"\"\r"
	got, err := b.Encode(Standard, Lenient)
	if err != nil || string(got) != want {
		t.Errorf("error %v\n%s\nwant\n%s", err, strings.ReplaceAll(string(got), "\r", "\n"), strings.ReplaceAll(want, "\r", "\n"))
	}
	m, err := b.Message(Delimiters{'!', '@', '#', '$', '%', 0}, Lenient)
	if err != nil || m.Get("PID-5.2") != "AN|B\nC\nD" || m.Get("OBX-6.2.2") != "n" || m.Get("OBX[2]-3.1") != "NA" {
		t.Errorf("with other delimiters: %v %q", err, m.Bytes())
	}
	var copied Builder
	for s := range m.Segments() {
		if !s.Is("MSH") {
			copied.Copy(s)
		}
	}
	again, err := copied.Encode(Standard, Lenient)
	if err != nil || string(again) != want[strings.Index(want, "PID"):] {
		t.Errorf("copied: %v\n%q", err, again)
	}
	for _, path := range []string{"PID", "OBX[4]-1", "MSH-2", "PID-0", "P-1"} {
		var bad Builder
		if _, err := bad.Add("OBX").Set(path, "x").Encode(Standard, Lenient); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// Component groups of a DICOM name become repetitions of XPN; an XCN has room for the first.
func TestSetName(t *testing.T) {
	for _, c := range []struct {
		path       string
		before     int
		name, want string
	}{
		{"PID-5", 0, "Nguyễn^Đức^Văn^Bà^III", "PID|||||Nguyễn^Đức^Văn^III^Bà"},
		{"PID-5", 0, "YAMADA^TARO=山田^太郎=ヤマダ^タロウ", "PID|||||YAMADA^TARO~山田^太郎^^^^^^I~ヤマダ^タロウ^^^^^^P"},
		{"PID-5", 0, "=山田^太郎", "PID|||||~山田^太郎^^^^^^I"},
		{"PID-5", 0, "YAMADA==ヤマダ", "PID|||||YAMADA~~ヤマダ^^^^^^^P"},
		{"PID-9", 1, "YAMADA^TARO=山田^太郎", "PID|||||||||^YAMADA^TARO"},
	} {
		var b Builder
		got, err := b.Add("PID").SetName(c.path, c.before, c.name).Encode(Standard, Lenient)
		if err != nil || string(got) != c.want+"\r" {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}
