package storage

import "fmt"

// The words that stand for numbers in the journal and in answers.
var (
	kindWords  = []string{Deleted: "deletion", Rejected: "rejection"}
	againWords = []string{AgainStored: "stored", AgainHidden: "hidden", AgainRefused: "refused"}
	stateWords = []string{RemovalHides: "hidden", RemovalRestored: "restored", RemovalPurged: "purged"}
)

func word[T ~uint8](words []string, v T) string {
	if int(v) < len(words) && words[v] != "" {
		return words[v]
	}
	return fmt.Sprintf("%d", v)
}

func parse[T ~uint8](words []string, text []byte, v *T) error {
	for i, w := range words {
		if w != "" && w == string(text) {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("%q is none of %q", text, words[1:])
}

// String gives "deletion" or "rejection".
func (k RemovalKind) String() string { return word(kindWords, k) }

// MarshalText gives the word.
func (k RemovalKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads it.
func (k *RemovalKind) UnmarshalText(b []byte) error { return parse(kindWords, b, k) }

// String gives "stored", "hidden" or "refused".
func (a Again) String() string { return word(againWords, a) }

// MarshalText gives the word.
func (a Again) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads it.
func (a *Again) UnmarshalText(b []byte) error { return parse(againWords, b, a) }

// String gives "hidden", "restored" or "purged".
func (s RemovalState) String() string { return word(stateWords, s) }

// MarshalText gives the word.
func (s RemovalState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *RemovalState) UnmarshalText(b []byte) error { return parse(stateWords, b, s) }
