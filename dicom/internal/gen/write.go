package main

import (
	"fmt"
	"slices"
	"strings"
)

// slots is the size of the hash table over tags; hashBits its logarithm. At
// about a third full, nearly every lookup ends at the first or second slot.
const (
	hashBits = 14
	slots    = 1 << hashBits
	multiply = 0x9E3779B1 // 2^32 divided by the golden ratio
)

func dictionarySource(list []element) string {
	var b strings.Builder
	b.WriteString("package dicom\n\n")
	fmt.Fprintf(&b, "const (\n\thashBits = %d\n\thashMultiply = 0x%X\n)\n\n", hashBits, uint32(multiply))
	b.WriteString("// entries holds the registered data elements in order of their tags.\n")
	fmt.Fprintf(&b, "var entries = [%d]Entry{\n", len(list))
	for _, e := range list {
		vrs := vrList(e.vrs)
		first := "0"
		if len(vrs) > 0 {
			first = vrs[0]
		}
		all := "nil"
		if len(vrs) > 0 {
			all = "[]VR{" + strings.Join(vrs, ", ") + "}"
		}
		fmt.Fprintf(&b, "\t{0x%08X, %s, %s, %q, %q, %q, %t},\n", e.tag, first, all, e.keyword, e.name, e.vm, e.retired)
	}
	b.WriteString("}\n\n// tagIndex is an open-addressing hash table: position in entries plus one, or zero.\n")
	writeNumbers(&b, "tagIndex", tagIndex(list))
	b.WriteString("// implicitVRs holds, for each of entries, what VROf answers.\n")
	fmt.Fprintf(&b, "var implicitVRs = [%d]VR{\n", len(list))
	for i, e := range list {
		b.WriteString(implicitVR(e.vrs) + ",")
		if i%16 == 15 {
			b.WriteByte('\n')
		}
	}
	b.WriteString("\n}\n\n// keywordIndex holds positions in entries in order of their keywords.\n")
	writeNumbers(&b, "keywordIndex", keywordIndex(list))
	return b.String()
}

func vrList(vrs []string) []string {
	return slices.DeleteFunc(slices.Clone(vrs), func(v string) bool { return v == "NA" || v == "" })
}

// implicitVR chooses among several: PS3.5 A.1 reads words (OW) where they are
// allowed; of US and SS the unsigned one.
func implicitVR(vrs []string) string {
	switch vrs = vrList(vrs); {
	case len(vrs) == 0:
		return "UN"
	case slices.Contains(vrs, "OW"):
		return "OW"
	}
	return vrs[0]
}

func tagIndex(list []element) []uint16 {
	table := make([]uint16, slots)
	for i, e := range list {
		h := e.tag * multiply >> (32 - hashBits)
		for table[h] != 0 {
			h = (h + 1) % slots
		}
		table[h] = uint16(i + 1)
	}
	return table
}

func keywordIndex(list []element) []uint16 {
	var index []uint16
	for i, e := range list {
		if e.keyword != "" {
			index = append(index, uint16(i))
		}
	}
	slices.SortFunc(index, func(a, b uint16) int { return strings.Compare(list[a].keyword, list[b].keyword) })
	return index
}

func writeNumbers(b *strings.Builder, name string, list []uint16) {
	fmt.Fprintf(b, "var %s = [%d]uint16{\n", name, len(list))
	for i, n := range list {
		fmt.Fprintf(b, "%d,", n)
		if i%16 == 15 {
			b.WriteByte('\n')
		}
	}
	b.WriteString("\n}\n\n")
}

func tagSource(list []element) string {
	var b strings.Builder
	b.WriteString("package tag\n\nimport \"github.com/halong-gateway/halong/dicom\"\n\n// The data elements of PS3.6 and the command elements of PS3.7 Annex E.\nconst (\n")
	for _, e := range list {
		if e.keyword == "" {
			continue
		}
		retired := ""
		if e.retired {
			retired = " (retired)"
		}
		fmt.Fprintf(&b, "\t%s dicom.Tag = 0x%08X // %s%s\n", e.keyword, e.tag, e.name, retired)
	}
	b.WriteString(")\n")
	return b.String()
}

func transferSyntaxSource(list []uid) string {
	var b strings.Builder
	b.WriteString("package dicom\n\n// transferSyntaxes is PS3.6 table A-1 in order of UIDs as text.\nvar transferSyntaxes = [...]TransferSyntax{\n")
	for _, u := range list {
		if u.kind != "Transfer Syntax" {
			continue
		}
		id := strings.TrimPrefix(u.uid, "1.2.840.10008.1.")
		referenced := slices.Contains([]string{"2.4.94", "2.4.95", "2.4.204", "2.4.205"}, id)
		streamed := strings.HasPrefix(id, "2.7.") || strings.HasPrefix(id, "2.6.")
		fmt.Fprintf(&b, "\t{UID: %q, Name: %q", u.uid, u.name)
		for _, f := range []struct {
			name string
			on   bool
		}{
			{"ExplicitVR", id != "2" && id != "20"},
			{"BigEndian", id == "2.2"},
			{"Deflated", slices.Contains([]string{"2.1.99", "2.4.95", "2.4.205"}, id)},
			{"Encapsulated", id == "2.1.98" || id == "2.5" || id == "2.8.1" || strings.HasPrefix(id, "2.4.") && !referenced},
			{"Retired", u.retired},
			{"Pixels", !referenced && !streamed},
		} {
			if f.on {
				fmt.Fprintf(&b, ", %s: true", f.name)
			}
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func sopClassSource(list []uid) string {
	var b strings.Builder
	b.WriteString("package dicom\n\n// sopClasses holds the SOP Classes and Meta SOP Classes of PS3.6 table A-1 in order of UIDs as text.\nvar sopClasses = [...]SOPClass{\n")
	for _, u := range list {
		if u.kind == "Transfer Syntax" {
			continue
		}
		fmt.Fprintf(&b, "\t{%q, %q, %s, %t},\n", u.uid, u.name, sopClassKind(u), u.retired)
	}
	b.WriteString("}\n")
	return b.String()
}

// sopClassKind sorts a SOP Class by the service of PS3.4 that uses it.
func sopClassKind(u uid) string {
	n := u.name
	has := func(s string) bool { return strings.Contains(n, s) }
	switch {
	case u.uid == "1.2.840.10008.1.1":
		return "Verification"
	case u.uid == "1.2.840.10008.1.3.10":
		return "MediaDirectory"
	case has("Storage Commitment"):
		return "StorageCommitment"
	case has("Real-Time Communication"):
		return "RealTimeCommunication"
	case strings.HasSuffix(n, "Storage") || has("Storage - ") || has("Storage SOP Class") || n == "":
		return "Storage"
	case u.uid == "1.2.840.10008.5.1.4.31":
		return "ModalityWorklist"
	case has("Performed Procedure Step") && strings.HasPrefix(n, "Modality"):
		return "PerformedProcedureStep"
	case strings.HasPrefix(n, "Unified Procedure Step"):
		return "UnifiedProcedureStep"
	case strings.HasSuffix(n, "- FIND") || strings.HasSuffix(n, "- MOVE") || strings.HasSuffix(n, "- GET") || has("Query"):
		return "QueryRetrieve"
	case strings.HasPrefix(u.uid, "1.2.840.10008.5.1.1.") && !has("Media Creation") && !has("Display System"):
		return "Print"
	}
	return "OtherService"
}
