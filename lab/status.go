package lab

import "strings"

// Status is what a result status of OBR-25 (HL7 table 0123) or OBX-11 (table
// 0085) means here. HL7's own letter is kept beside it.
type Status string

// The statuses.
const (
	Registered     Status = "registered"       // no result yet
	Preliminary    Status = "preliminary"      // may still change
	Final          Status = "final"            //
	Corrected      Status = "corrected"        // replaces a final result
	Cancelled      Status = "cancelled"        // will not come
	EnteredInError Status = "entered-in-error" // was wrong
	Deleted        Status = "deleted"          // to be taken out: no longer shown, kept in the history
)

// Known tells whether s is one of the statuses.
func (s Status) Known() bool {
	switch s {
	case Registered, Preliminary, Final, Corrected, Cancelled, EnteredInError, Deleted:
		return true
	}
	return false
}

// ReportStatus maps OBR-25. An empty or unknown letter gives "".
func ReportStatus(letter string) Status {
	switch strings.ToUpper(letter) {
	case "O", "I", "S", "N", "Y", "Z":
		return Registered
	case "A", "P", "R", "M": // M: corrected, not final
		return Preliminary
	case "F":
		return Final
	case "C":
		return Corrected
	case "X":
		return Cancelled
	}
	return ""
}

// ObservationStatus maps OBX-11. An empty or unknown letter gives "".
func ObservationStatus(letter string) Status {
	switch strings.ToUpper(letter) {
	case "I", "O", "N":
		return Registered
	case "P", "R", "S":
		return Preliminary
	case "F", "U", "V":
		return Final
	case "C", "A", "B":
		return Corrected
	case "X":
		return Cancelled
	case "W":
		return EnteredInError
	case "D":
		return Deleted
	}
	return ""
}

// rank orders the statuses by how far a result has come.
func (s Status) rank() int {
	switch s {
	case Registered:
		return 0
	case Preliminary:
		return 1
	case Final:
		return 2
	}
	return 3
}

// void tells that there is no result which an earlier stage could spoil.
func (s Status) void() bool { return s == Cancelled || s == EnteredInError || s == Deleted }

// late tells whether a result that comes after another one is to be kept but
// not shown: a preliminary one after a final one, or one that was sent earlier and has not come further. sent
// times are compared only if both are known.
func late(next Status, nextSent string, shown Status, shownSent string) bool {
	older := nextSent != "" && shownSent != "" && nextSent < shownSent
	if shown.void() {
		return older
	}
	if next.rank() < Final.rank() && shown.rank() >= Final.rank() {
		return true
	}
	return older && next.rank() <= shown.rank()
}
