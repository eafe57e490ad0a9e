package query

import (
	"strings"
	"unicode/utf8"
)

// MatchPattern compares a value with a pattern in which "*" stands for any characters
// and "?" for one (PS3.4 C.2.2.2.4). Case and spaces count; bring both into NFC before.
func MatchPattern(pattern, value string) bool {
	p, v := 0, 0
	star, mark := -1, 0 // where to go on when the last "*" has to take one character more
	for v < len(value) {
		_, size := utf8.DecodeRuneInString(value[v:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, v
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			v += size
		case strings.HasPrefix(pattern[p:], value[v:v+size]):
			p += size
			v += size
		case star >= 0:
			_, skip := utf8.DecodeRuneInString(value[mark:])
			mark += skip
			p, v = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Like turns a pattern into one of SQL LIKE with the escape character '\'.
func Like(pattern string) string { return like.Replace(pattern) }

var like = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`, `?`, `_`)
