package charset

import "testing"

func TestTerms(t *testing.T) {
	list := Terms()
	if len(list) != len(terms) {
		t.Fatalf("%d terms, want %d", len(list), len(terms))
	}
	for _, term := range list {
		if _, _, ok := findTerm(term); !ok {
			t.Errorf("%s is listed and not understood", term)
		}
	}
}
