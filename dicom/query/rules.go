package query

import (
	"time"

	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Rules are what matching depends on besides the keys: what was negotiated (PS3.4 C.5.1.1) or asked for by parameters (PS3.18
// 8.3.4). The zero value matches names literally and dates with times as one, and minds no time zones. Empty and
// multiple value matching are properties of keys: see Key.Empty and Key.Every.
type Rules struct {
	// Fuzzy is fuzzy semantic matching of person names: see MatchNameFuzzily.
	Fuzzy bool
	// Separate matches the ranges of a date and of its time each for itself, as PS3.4 C.2.2.2.5.4 demands of C-FIND unless combined
	// date-time matching was negotiated; see Combine for the exception.
	Separate bool
	// Zone is the keys' offset from UTC, as in Timezone Offset From UTC (0008,0201): "+0700". Dates with times, and date-times
	// without an offset, of data sets whose own offset is known are brought into it before they are compared (PS3.4
	// C.2.2.2.1.3). Empty or malformed: values are compared as they are.
	Zone string
}

// MatchAll tells whether a data set matches all keys. Keys inside the same
// sequence must match in the same item (C.2.2.2.6); date and time ranges that
// belong together are combined (see Combine).
func (r Rules) MatchAll(keys []Key, s *dataset.Set) bool {
	m := matcher{Rules: r}
	m.asked, m.hasAsked = ParseOffset(r.Zone)
	m.own, m.hasOwn = ParseOffset(s.String(tag.TimezoneOffsetFromUTC))
	return m.all(keys, s)
}

// matcher compares keys with one data set; the offset from UTC that it tells at its top level holds for its items as well.
type matcher struct {
	Rules
	asked, own       time.Duration
	hasAsked, hasOwn bool
}

// adjusts tells whether times of the data set have to be brought into the keys' zone.
func (m *matcher) adjusts() bool { return m.hasAsked && m.hasOwn && m.asked != m.own }

// dateTime gives a date and its time as the keys' zone has them.
func (m *matcher) dateTime(date, clock string) (string, string) {
	if !m.adjusts() {
		return date, clock
	}
	return Shift(date, clock, m.asked-m.own)
}
