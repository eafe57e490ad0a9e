package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Duration is a time span written as "20s" or "10m".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads; negative spans are refused.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("not a time span such as 20s or 10m: %q", b)
	}
	if v < 0 {
		return fmt.Errorf("a time span cannot be negative: %q", b)
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML reads the text of a key, and says which key and where it is if that is none.
func (d *Duration) UnmarshalYAML(n ast.Node) error { return located(n, d.UnmarshalText) }

// located reads a plain value's text.
func located(n ast.Node, read func([]byte) error) error {
	if err := read([]byte(n.GetToken().Value)); err != nil {
		at := n.GetToken().Position
		return fmt.Errorf("[%d:%d] %s: %w", at.Line, at.Column, strings.TrimPrefix(n.GetPath(), "$."), err)
	}
	return nil
}

// Std gives the span as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Size is a number of bytes, written as "64MiB", "1GiB", "512KiB" or a plain number.
type Size int64

var sizeUnits = []struct {
	suffix string
	shift  uint
}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"", 0}}

// UnmarshalText reads a number with one of the binary units, or none.
func (s *Size) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)>>u.shift {
			break
		}
		*s = Size(n << u.shift)
		return nil
	}
	return fmt.Errorf("not a size such as 64MiB: %q", b)
}

// UnmarshalYAML is as Duration's.
func (s *Size) UnmarshalYAML(n ast.Node) error { return located(n, s.UnmarshalText) }

// UnmarshalYAML takes a token as a mapping, or as the plain SHA-256.
func (t *Token) UnmarshalYAML(unmarshal func(any) error) error {
	var sum string
	if unmarshal(&sum) == nil {
		*t = Token{SHA256: sum}
		return nil
	}
	type plain Token
	return unmarshal((*plain)(t))
}
