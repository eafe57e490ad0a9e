package query

import (
	"slices"
	"strings"

	"github.com/halong-gateway/halong/internal/fold"
)

// MatchName compares a person name with a key that may have wildcards, without
// regard to case and diacritics. A key of one component group matches any of
// the name's groups (alphabetic, ideographic, phonetic); a key with several must match
// each of those it gives (PS3.4 C.2.2.2.1).
func MatchName(key, name string) bool {
	wanted, groups := strings.Split(key, "="), strings.Split(name, "=")
	if len(wanted) == 1 {
		p := fold.Name(key)
		return slices.ContainsFunc(groups, func(g string) bool {
			g = fold.Name(g)
			return (g != "" || p == "") && matchGroup(p, g)
		})
	}
	for i, w := range wanted {
		p := fold.Name(w)
		if p == "" || p == "*" {
			continue
		}
		if i >= len(groups) || !matchGroup(p, fold.Name(groups[i])) {
			return false
		}
	}
	return true
}

// matchGroup compares folded component groups; "family^*" matches also a name
// that ends after the family name.
func matchGroup(pattern, group string) bool {
	return MatchPattern(pattern, group) || strings.HasSuffix(pattern, " *") && MatchPattern(pattern, group+" ")
}

// MatchNameFuzzily tells whether every word of the key begins a word of
// the name, in any order and group, without regard to case and diacritics: the
// fuzzy matching that PS3.4 C.2.2.2.1.1 leaves to the implementation.
func MatchNameFuzzily(key, name string) bool {
	words := strings.Fields(fold.Name(name))
	for _, w := range strings.Fields(fold.Name(strings.ReplaceAll(key, "*", " "))) {
		if !slices.ContainsFunc(words, func(n string) bool { return MatchPattern(w+"*", n) }) {
			return false
		}
	}
	return true
}
