package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// plain gives place and reason of what is wrong with a file. The parser would show the lines around it too, and those may hold passcodes
// and tokens: errors go to logs.
func plain(err error, body ast.Node) error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return err
	}
	at, what := e.GetToken().Position, e.GetMessage()
	if mismatch := (*yaml.TypeError)(nil); errors.As(err, &mismatch) {
		what = "want " + wanted(mismatch.DstType)
	}
	if key := keyAt("", body, at); key != "" {
		what = key + ": " + what
	}
	return fmt.Errorf("[%d:%d] %s", at.Line, at.Column, what)
}

// wanted names a type in the words of YAML.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "keys with values"
	}
	return "a number"
}

// keyAt gives the key, below one, whose value begins at a place ("dicom.peers[0].ae"); empty if there is none.
func keyAt(key string, n ast.Node, at *token.Position) string {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if found := keyAt(key, v, at); found != "" {
				return found
			}
		}
	case *ast.MappingValueNode:
		return keyAt(strings.TrimPrefix(key+"."+n.Key.GetToken().Value, "."), n.Value, at)
	case *ast.SequenceNode:
		if begins(n, at) {
			return key
		}
		for i, v := range n.Values {
			if found := keyAt(fmt.Sprintf("%s[%d]", key, i), v, at); found != "" {
				return found
			}
		}
	case ast.ScalarNode:
		if begins(n, at) {
			return key
		}
	}
	return ""
}

func begins(n ast.Node, at *token.Position) bool {
	p := n.GetToken().Position
	return p.Line == at.Line && p.Column == at.Column
}
