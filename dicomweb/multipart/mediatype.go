package multipart

import (
	"errors"
	"strings"
)

// ErrMediaType is given for text that is no media type.
var ErrMediaType = errors.New("multipart: malformed media type")

// Param is one parameter of a media type. Names are lower case.
type Param struct{ Name, Value string }

// MediaType is a parsed media type or media range (RFC 9110 8.3.1, 12.5.1).
type MediaType struct {
	Type   string // "type/subtype" in lower case; "*" alone is written "*/*"
	Params []Param
}

// Get gives the value of the first parameter of that name (in lower case), or "".
func (m MediaType) Get(name string) string {
	v, _ := m.Lookup(name)
	return v
}

// Lookup gives the value of the first parameter of that name (in lower case).
func (m MediaType) Lookup(name string) (string, bool) {
	for _, p := range m.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// ParseMediaType reads one media type with its parameters. Values may be quoted
// or not; unquoted values may hold any character but white space, ';' and ','
// (RFC 2045 wants "type=application/dicom" quoted, many clients don't quote it).
func ParseMediaType(s string) (MediaType, error) {
	m, rest, err := parseOne(s)
	if err == nil && rest != "" {
		err = ErrMediaType
	}
	return m, err
}

// ParseMediaTypes reads a comma-separated list, such as the value of Accept.
// Empty members are skipped (RFC 9110 5.6.1.2).
func ParseMediaTypes(s string) ([]MediaType, error) {
	var list []MediaType
	for {
		s = strings.TrimLeft(s, " \t\r\n,")
		if s == "" {
			return list, nil
		}
		m, rest, err := parseOne(s)
		if err != nil {
			return nil, err
		}
		list, s = append(list, m), rest
	}
}

const linearSpace = " \t\r\n"

// parseOne reads up to a comma outside quotes or the end.
func parseOne(s string) (m MediaType, rest string, err error) {
	s = strings.TrimLeft(s, linearSpace)
	end := strings.IndexAny(s, ";,")
	if end < 0 {
		end = len(s)
	}
	m.Type = strings.ToLower(strings.TrimRight(s[:end], linearSpace))
	if m.Type == "*" {
		m.Type = "*/*"
	}
	if !validType(m.Type) {
		return m, "", ErrMediaType
	}
	for s = s[end:]; strings.HasPrefix(s, ";"); {
		s = strings.TrimLeft(s[1:], linearSpace)
		if s == "" || s[0] == ';' || s[0] == ',' {
			continue
		}
		var p Param
		if p, s, err = parseParam(s); err != nil {
			return m, "", err
		}
		m.Params = append(m.Params, p)
	}
	if s != "" && s[0] != ',' {
		return m, "", ErrMediaType
	}
	return m, s, nil
}

func validType(s string) bool {
	slash := strings.IndexByte(s, '/')
	if slash <= 0 || slash == len(s)-1 || len(s) > 255 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if i != slash && !isToken(s[i]) {
			return false
		}
	}
	return true
}

// isToken tells whether c may stand in a token (RFC 9110 5.6.2).
func isToken(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return c != 0 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// parseParam reads name, '=' and value, and the white space after it.
func parseParam(s string) (p Param, rest string, err error) {
	n := 0
	for n < len(s) && isToken(s[n]) {
		n++
	}
	p.Name = strings.ToLower(s[:n])
	s = strings.TrimLeft(s[n:], linearSpace)
	if n == 0 || s == "" || s[0] != '=' {
		return p, "", ErrMediaType
	}
	s = strings.TrimLeft(s[1:], linearSpace)
	if strings.HasPrefix(s, `"`) {
		p.Value, s, err = parseQuoted(s[1:])
	} else {
		end := strings.IndexAny(s, ";,"+linearSpace)
		if end < 0 {
			end = len(s)
		}
		p.Value, s = s[:end], s[end:]
	}
	return p, strings.TrimLeft(s, linearSpace), err
}

// parseQuoted reads a quoted-string after its opening quote (RFC 9110 5.6.4).
func parseQuoted(s string) (value, rest string, err error) {
	if end := strings.IndexAny(s, `"\`); end >= 0 && s[end] == '"' {
		return s[:end], s[end+1:], nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", ErrMediaType
}
