package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Fault is a wrong value: which key, and where in the file it was read from.
type Fault struct {
	Key  string // "dicom.peers[0]"
	Line int    // 0 when the value came from a flag, the environment or the default
	Err  error
}

// Error gives key and reason, and the line if it is known.
func (f *Fault) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("line %d: %s: %v", f.Line, f.Key, f.Err)
	}
	return f.Key + ": " + f.Err.Error()
}

// Unwrap gives the reason.
func (f *Fault) Unwrap() error { return f.Err }

func wrong(key, format string, args ...any) error {
	return &Fault{Key: key, Err: fmt.Errorf(format, args...)}
}

// lines tells for each key of a file ("http.tokens[1].name") where it stands.
type lines map[string]int

// linesOf walks a document's body.
func linesOf(body ast.Node) lines {
	l := lines{}
	l.add("", body)
	return l
}

func (l lines) add(at string, n ast.Node) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			l.add(at, v)
		}
	case *ast.MappingValueNode:
		key := n.Key.GetToken().Value
		if at != "" {
			key = at + "." + key
		}
		l[key] = n.Key.GetToken().Position.Line
		l.add(key, n.Value)
	case *ast.SequenceNode:
		for i, v := range n.Values {
			key := fmt.Sprintf("%s[%d]", at, i)
			l[key] = v.GetToken().Position.Line
			l.add(key, v)
		}
	}
}

var lastPart = regexp.MustCompile(`(\.[^.\[\]]*|\[\d+\])$`)

// of gives the line of a key, or of the nearest key above it that stands in the file.
func (l lines) of(key string) int {
	for {
		if n, ok := l[key]; ok {
			return n
		}
		shorter := lastPart.ReplaceAllString(key, "")
		if shorter == key {
			return 0
		}
		key = shorter
	}
}

// forget drops a key that a flag or the environment lies over, with all below it: what is wrong there stands in no line.
func (l lines) forget(key string) {
	if l == nil {
		return
	}
	for k := range l {
		if k == key || strings.HasPrefix(k, key+".") || strings.HasPrefix(k, key+"[") {
			delete(l, k)
		}
	}
	l[key] = 0
}

// locate fills in the lines of all faults in err.
func (l lines) locate(err error) {
	var f *Fault
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			l.locate(e)
		}
	} else if errors.As(err, &f) {
		f.Line = l.of(f.Key)
	}
}
