package hl7v2

import (
	"strings"
	"testing"
)

// A coded element of millions of components is read without a list of them.
func TestCodedElementOfManyComponents(t *testing.T) {
	m, err := Parse([]byte("MSH|^~\\&|A\rOBR|1|||CT^Text^L^a^b^c^^^whole" + strings.Repeat("^", 4<<20) + "~other\rOBR|2|||bare&sub\r"))
	if err != nil {
		t.Fatal(err)
	}
	want := CWE{"CT", "Text", "L", "a", "b", "c", "whole"}
	if got := m.At("OBR[1]-4").CWE(); got != want {
		t.Errorf("%+v", got)
	}
	if n := testing.AllocsPerRun(1, func() { m.At("OBR[1]-4").CWE() }); n > 20 {
		t.Errorf("%v allocations", n)
	}
	for path, want := range map[string]string{"OBR[2]-4": "bare&sub", "OBR[2]-4.1": m.At("OBR[2]-4.1").Text(), "OBR[3]-4": ""} {
		if got := m.At(path).CWE(); got != (CWE{Code: want}) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestAdministrativeSex(t *testing.T) {
	for said, want := range map[string]string{"": "", "F": "F", " f ": "F", "Nam": "M", "nữ": "F", "Female": "F", "U": "U", "X": "X", "other": "O", "Unknown": "U", "Khác": "O"} {
		if got := AdministrativeSex(said); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}
