package config

import (
	"bytes"
	"fmt"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads a file over the defaults. A key that does not exist is an error
// which names its line.
func Load(path string) (*Config, error) {
	c, _, err := load(path)
	return c, err
}

func load(path string) (*Config, lines, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	c := Default()
	l, err := decode(b, c)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, l, nil
}

// decode reads YAML over c. An empty document changes nothing.
func decode(b []byte, c any) (lines, error) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil, plain(err, nil)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.NullType {
			continue
		}
		if body != nil {
			return nil, fmt.Errorf("line %d: a second document", d.Body.GetToken().Position.Line)
		}
		body = d.Body
	}
	if body == nil {
		return nil, nil
	}
	nulls := emptyKeys{}
	ast.Walk(&nulls, body)
	if nulls.err != nil {
		return nil, nulls.err
	}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(c); err != nil {
		return nil, plain(err, body)
	}
	return linesOf(body), nil
}

// emptyKeys finds a key without a value: it would silently undo the defaults of
// everything below it.
type emptyKeys struct{ err error }

// Visit implements ast.Visitor.
func (v *emptyKeys) Visit(n ast.Node) ast.Visitor {
	m, ok := n.(*ast.MappingValueNode)
	if ok && m.Value != nil && m.Value.Type() == ast.NullType && v.err == nil {
		at := m.Key.GetToken().Position
		v.err = fmt.Errorf("[%d:%d] the key %s has no value: give one or leave the key out", at.Line, at.Column, m.Key.String())
	}
	return v
}
