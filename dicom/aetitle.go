package dicom

import (
	"errors"
	"fmt"
	"strings"
)

// AETitle names an Application Entity (PS3.5 6.2, VR AE): 1 to 16 characters of
// the default repertoire without backslash and control characters. Leading
// and trailing spaces are not significant and never part of an AETitle. Case is
// significant.
type AETitle string

// errAETitle is wrapped by every error of ParseAETitle.
var errAETitle = errors.New("not an AE title")

// ParseAETitle trims padding and checks the rules. NUL padding, which some
// peers send, is taken for spaces.
func ParseAETitle(s string) (AETitle, error) {
	s = strings.Trim(s, " \x00")
	switch {
	case s == "":
		return "", fmt.Errorf("%w: empty", errAETitle)
	case len(s) > 16:
		return "", fmt.Errorf("%w: %d characters, at most 16 are allowed", errAETitle, len(s))
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' {
			return "", fmt.Errorf("%w: byte 0x%02X at position %d", errAETitle, s[i], i+1)
		}
	}
	return AETitle(s), nil
}
