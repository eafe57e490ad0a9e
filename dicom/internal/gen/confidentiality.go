package main

import (
	"fmt"
	"strings"
)

// confidentialityOptions is how many columns of actions follow the profile's.
const confidentialityOptions = 10

// confidentialitySource writes PS3.15 table E.1-1 from a file of its rows.
func confidentialitySource(tsv string) (string, error) {
	var b strings.Builder
	b.WriteString(`package deid

// attributes is PS3.15 table E.1-1, edition 2024b, in order of tags; see
// dicom/internal/gen/confidentiality.tsv for where it is from. Groups 50xx and 60xx stand under their first.
var attributes = []attribute{
`)
	err := readTSV(tsv, 3+confidentialityOptions, func(f []string) {
		options := ""
		for _, o := range f[2 : 2+confidentialityOptions] {
			if o == "" {
				o = "-"
			}
			options += o
		}
		tag := strings.ReplaceAll(strings.ReplaceAll(f[0], "60XX", "6000"), "50XXXXXX", "50000000")
		fmt.Fprintf(&b, "\t{0x%s, %q, %q}, // %s\n", tag, f[1], options, f[2+confidentialityOptions])
	})
	b.WriteString("}\n")
	return b.String(), err
}
