package lab

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/halong-gateway/halong"
)

// Map translates senders' codes to LOINC and their units to UCUM. It is one CSV file (docs/lab.md).
type Map struct {
	Name    string `json:"name"`    // of the file
	Version string `json:"version"` // what the file says, else the first digits of its digest
	Digest  string `json:"digest"`  // SHA-256 of the file
	Codes   int    `json:"codes"`   // rows that map a code
	Units   int    `json:"units"`   // rows that map a unit

	codes map[mapKey]target
	units map[mapKey]target
}

// mapKey is what a row is found by; empty parts match anything.
type mapKey struct {
	facility halong.Facility
	sender   string // MSH-3
	system   string // of the code
	code     string // of a code row; of a unit row the code it is for
	text     string // instead of the code, in lower case
	unit     string // of a unit row
}

// target is what a row says.
type target struct {
	code, text string
	line       int
}

// Problem is what is wrong with a line of a map.
type Problem struct {
	Line    int
	Text    string
	Warning bool // the line is used all the same
}

// String gives "line 7: …".
func (p Problem) String() string {
	if p.Warning {
		return fmt.Sprintf("line %d: warning: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// Bounds of a map.
const (
	maxMapBytes = 64 << 20
	maxMapRows  = 500_000
	maxProblems = 100
)

// columns of a map, in any order; those that begin with note are for people.
var columns = []string{"facility", "sender", "system", "code", "text", "loinc", "display", "unit", "ucum"}

// ParseMap reads a map. It gives what is wrong too; with problems that are not mere warnings the map is not to be used. The error is
// one of r.
func ParseMap(name string, r io.Reader) (*Map, []Problem, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxMapBytes+1))
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(b)
	p := mapParser{m: &Map{Name: name, Digest: "sha256:" + hex.EncodeToString(sum[:]), codes: map[mapKey]target{}, units: map[mapKey]target{}}}
	p.m.Version = hex.EncodeToString(sum[:6])
	if len(b) > maxMapBytes {
		p.problem(0, false, "larger than %d bytes", maxMapBytes)
		return p.m, p.problems, nil
	}
	if n := notText(b); n > 0 {
		p.problem(n, false, `not in UTF-8: save the file as "CSV UTF-8"`)
		return p.m, p.problems, nil
	}
	p.parse(bytes.TrimPrefix(b, []byte("\ufeff")))
	return p.m, p.problems, nil
}

// notText gives the first line that is not UTF-8; 0 if all are. What it names would match nothing that is sent.
func notText(b []byte) (line int) {
	for l := range bytes.Lines(b) {
		if line++; !utf8.Valid(l) {
			return line
		}
	}
	return 0
}

type mapParser struct {
	m        *Map
	header   []string
	problems []Problem
}

func (p *mapParser) problem(line int, warning bool, format string, args ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{line, fmt.Sprintf(format, args...), warning})
	}
}

func (p *mapParser) parse(b []byte) {
	p.version(b)
	c := csv.NewReader(bufio.NewReader(bytes.NewReader(b)))
	c.Comment, c.FieldsPerRecord, c.TrimLeadingSpace, c.Comma = '#', -1, true, delimiter(b)
	for n := 0; ; n++ {
		rec, err := c.Read()
		if err == io.EOF {
			break
		}
		line := 0
		if rec != nil {
			line, _ = c.FieldPos(0)
		}
		if err != nil {
			p.problem(line, false, "%v", err)
			return
		}
		if p.header == nil {
			if !p.head(line, rec) {
				return
			}
			continue
		}
		if n > maxMapRows {
			p.problem(line, false, "more than %d rows", maxMapRows)
			return
		}
		p.row(line, rec)
	}
	if p.header == nil {
		p.problem(1, false, "the first line has to name the columns: %s", strings.Join(columns, ", "))
	} else if p.m.Codes+p.m.Units == 0 {
		p.problem(1, true, "no rows")
	}
}

// version reads a line "# version: 2026-11-01".
func (p *mapParser) version(b []byte) {
	for line := range bytes.Lines(b) {
		rest, comment := strings.CutPrefix(strings.TrimSpace(string(line)), "#")
		if !comment {
			return
		}
		if v, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(rest)), "version:"); ok && len(strings.TrimSpace(v)) <= 64 {
			p.m.Version = strings.TrimSpace(v)
			return
		}
	}
}

// delimiter finds out what divides the columns: spreadsheets write what the locale has.
func delimiter(b []byte) rune {
	for line := range bytes.Lines(b) {
		if line[0] == '#' {
			continue
		}
		for _, c := range []byte{'\t', ';'} {
			if bytes.IndexByte(line, c) >= 0 {
				return rune(c)
			}
		}
		break
	}
	return ','
}

func (p *mapParser) head(line int, rec []string) bool {
	p.header = make([]string, len(rec))
	ok := true
	for i, c := range rec {
		c = strings.ToLower(strings.TrimSpace(c))
		switch {
		case strings.HasPrefix(c, "note"), c == "":
			continue
		case !slices.Contains(columns, c):
			p.problem(line, false, "no such column: %q (columns are %s, note)", c, strings.Join(columns, ", "))
			ok = false
		case slices.Contains(p.header, c):
			p.problem(line, false, "column %q twice", c)
			ok = false
		}
		p.header[i] = c
	}
	if ok && !slices.Contains(p.header, "loinc") && !slices.Contains(p.header, "ucum") {
		p.problem(line, false, "a column loinc or ucum is needed")
		ok = false
	}
	return ok
}

// row takes one row: a code, a unit, or a code with its unit.
func (p *mapParser) row(line int, rec []string) {
	get := map[string]string{}
	for i, v := range rec {
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		if i >= len(p.header) {
			p.problem(line, false, "more columns than the first line names")
			return
		}
		get[p.header[i]] = v
	}
	if len(get) == 0 {
		return
	}
	key := mapKey{
		facility: halong.Facility(get["facility"]), sender: get["sender"], system: get["system"], code: get["code"], text: strings.ToLower(get["text"]),
	}
	if key.code != "" {
		key.text = "" // for people, beside a code
	}
	loinc, ucum := get["loinc"], get["ucum"]
	switch {
	case loinc == "" && ucum == "":
		p.problem(line, true, "maps to nothing: left out")
	case loinc != "" && key.code == "" && key.text == "":
		p.problem(line, false, "loinc without code or text")
	case loinc != "" && !ValidLOINC(loinc):
		p.problem(line, false, "%q is not a LOINC code: the check digit is wrong, or the form", loinc)
	case ucum != "" && get["unit"] == "" && key.code+key.text == "":
		p.problem(line, false, "ucum without unit or code")
	default:
		if ucum != "" && !ValidUCUM(ucum) {
			p.problem(line, true, "%q is not a unit of UCUM that is known here", ucum)
		}
		if loinc != "" {
			p.m.Codes++
			p.add(p.m.codes, key, target{loinc, get["display"], line})
		}
		if ucum != "" {
			p.m.Units++
			key.unit = get["unit"]
			p.add(p.m.units, key, target{ucum, "", line})
		}
	}
}

func (p *mapParser) add(to map[mapKey]target, key mapKey, t target) {
	have, there := to[key]
	switch {
	case !there:
		to[key] = t
	case have.code != t.code:
		p.problem(t.line, false, "says otherwise than line %d: %s, not %s", have.line, t.code, have.code)
	case have.text == t.text:
		p.problem(t.line, true, "says the same as line %d", have.line)
	}
}
