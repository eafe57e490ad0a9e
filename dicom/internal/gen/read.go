package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// element is one line of PS3.6 chapters 6 to 9 or of PS3.7 Annex E.
type element struct {
	tag           uint32
	vrs           []string
	vm            string
	retired       bool
	keyword, name string
}

// uid is one line of PS3.6 table A-1.
type uid struct {
	uid, kind, name string
	retired         bool
}

var (
	goVar  = regexp.MustCompile(`(?m)^var (\w+) = Tag\{0x([0-9a-f]{4}), 0x([0-9a-f]{4})\}`)
	goInfo = regexp.MustCompile(`(?m)^\t(\w+): Info\{\w+, \[\]string\{([^}]*)\}, "([^"]*)", "([^"]*)", "([^"]*)", (true|false)\}`)
	goUID  = regexp.MustCompile(`(?m)^\t"([\d.]+)":\s*\{"[\d.]+", "([^"]*)", (\w+|"[^"]*"), "[^"]*", "([^"]*)"\}`)
)

// misplaced are entries of the module under the first tag of a repeating
// pattern that is taken by another element; tags.tsv has them where they belong.
var misplaced = map[uint32]bool{
	0x10000000: true, 0x10000001: true, 0x10000002: true, 0x10000003: true,
	0x10000004: true, 0x10000005: true, 0x10100000: true,
}

func readElements(goFile, tsv string) ([]element, error) {
	src, err := os.ReadFile(goFile)
	if err != nil {
		return nil, err
	}
	tags := map[string]uint32{}
	for _, m := range goVar.FindAllStringSubmatch(string(src), -1) {
		tags[m[1]] = parseTag(m[2] + m[3])
	}
	all := map[uint32]element{}
	for _, m := range goInfo.FindAllStringSubmatch(string(src), -1) {
		t, ok := tags[m[1]]
		if !ok || misplaced[t] {
			continue
		}
		vrs := strings.Split(strings.ReplaceAll(m[2], `"`, ""), ", ")
		all[t] = element{t, vrs, m[5], m[6] == "true", m[4], m[3]}
	}
	err = readTSV(tsv, 6, func(f []string) {
		t := parseTag(f[0])
		all[t] = element{t, strings.Split(f[1], ","), f[2], f[3] == "retired", f[4], f[5]}
	})
	if err != nil {
		return nil, err
	}
	return sorted(all, func(a, b element) int { return cmp.Compare(a.tag, b.tag) }), nil
}

func readUIDs(goFile, tsv string) ([]uid, error) {
	src, err := os.ReadFile(goFile)
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{"TypeSOPClass": "SOP Class", "TypeTransferSyntax": "Transfer Syntax", `"Meta SOP Class"`: "Meta SOP Class"}
	all := map[string]uid{}
	for _, m := range goUID.FindAllStringSubmatch(string(src), -1) {
		if kind := kinds[m[3]]; kind != "" {
			all[m[1]] = uid{m[1], kind, m[2], m[4] != ""}
		}
	}
	err = readTSV(tsv, 4, func(f []string) { all[f[0]] = uid{f[0], f[1], f[3], f[2] == "retired"} })
	if err != nil {
		return nil, err
	}
	return sorted(all, func(a, b uid) int { return cmp.Compare(a.uid, b.uid) }), nil
}

func readTSV(path string, fields int, line func([]string)) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, l := range strings.Split(string(src), "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		f := strings.Split(l, "\t")
		if len(f) != fields {
			return fmt.Errorf("%s:%d: %d fields, want %d", path, i+1, len(f), fields)
		}
		line(f)
	}
	return nil
}

func sorted[K comparable, V any](m map[K]V, order func(a, b V) int) []V {
	var list []V
	for _, v := range m {
		list = append(list, v)
	}
	slices.SortFunc(list, order)
	return list
}

func parseTag(hex string) uint32 {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		panic(err) // the patterns let only hexadecimal digits through; tags.tsv is ours
	}
	return uint32(n)
}
