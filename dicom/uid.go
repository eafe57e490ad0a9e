package dicom

// UID is a unique identifier (PS3.5 9): digits and dots, at most 64 characters,
// without padding.
type UID string

// Valid tells whether u keeps to PS3.5 9.1: 1 to 64 characters, components of
// digits without leading zeros, separated by single dots.
func (u UID) Valid() bool {
	if len(u) == 0 || len(u) > 64 {
		return false
	}
	start := 0
	for i := 0; i <= len(u); i++ {
		if i < len(u) && u[i] != '.' {
			if u[i] < '0' || u[i] > '9' {
				return false
			}
			continue
		}
		if i == start || (u[start] == '0' && i-start > 1) {
			return false
		}
		start = i + 1
	}
	return true
}

// Loggable gives u for a log line or an error text, or that it is malformed: what a peer
// sends in the place of a UID may be a person's name, and of any length. Hexadecimal letters and
// leading zeros, which real UIDs hold, are let through.
func (u UID) Loggable() string {
	if len(u) > 64 {
		return malformedUID
	}
	for i := 0; i < len(u); i++ {
		if c := u[i]; !(c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return malformedUID
		}
	}
	return string(u)
}

const malformedUID = "(malformed UID)"

// Implementation Class UID and Implementation Version Name identify this toolkit
// in associations and in files it writes (PS3.7 D.3.3.2, PS3.10 7.1).
const (
	ImplementationClassUID    UID    = "2.25.302719361285417046350172849912630577144"
	ImplementationVersionName string = "HALONG"
)
