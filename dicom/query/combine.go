package query

import (
	"slices"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
)

// Moment is a date key and a time key that were both ranges and are matched
// together: from Lo to Hi on one line of time (PS3.4 C.2.2.2.5.4), not each day between
// two times of day.
type Moment struct {
	Date, Time Key
	Lo, Hi     string // "20060102150405.000000", both included, empty for open
}

// pairs are the dates and times that together say when something happened.
var pairs = [...][2]dicom.Tag{
	{tag.InstanceCreationDate, tag.InstanceCreationTime},
	{tag.StudyDate, tag.StudyTime},
	{tag.SeriesDate, tag.SeriesTime},
	{tag.AcquisitionDate, tag.AcquisitionTime},
	{tag.ContentDate, tag.ContentTime},
	{tag.PatientBirthDate, tag.PatientBirthTime},
	{tag.ScheduledProcedureStepStartDate, tag.ScheduledProcedureStepStartTime},
	{tag.ScheduledProcedureStepEndDate, tag.ScheduledProcedureStepEndTime},
	{tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime},
	{tag.PerformedProcedureStepEndDate, tag.PerformedProcedureStepEndTime},
}

// Combine takes the pairs of date and time ranges out of keys that are matched together: those of the same form ("a-b", "a-" or
// "-b"). rest is what is left, in its order. With separate, those are left as well (PS3.4 C.2.2.2.5.4), unless the
// times end before they begin: that is no range within a day, so it can only mean from one day into another.
func Combine(keys []Key, separate bool) (moments []Moment, rest []Key) {
	rest = slices.Clone(keys)
	for _, p := range pairs {
		for d := 0; d < len(rest); d++ {
			if !rangeOf(rest[d], p[0]) {
				continue
			}
			t := slices.IndexFunc(rest, func(k Key) bool {
				return rangeOf(k, p[1]) && slices.Equal(k.Path[:len(k.Path)-1], rest[d].Path[:len(rest[d].Path)-1])
			})
			if t < 0 {
				continue
			}
			m, ok := combine(rest[d], rest[t], separate)
			if !ok {
				continue
			}
			moments = append(moments, m)
			rest = slices.Delete(rest, max(d, t), max(d, t)+1)
			rest = slices.Delete(rest, min(d, t), min(d, t)+1)
			break
		}
	}
	return moments, rest
}

func rangeOf(k Key, t dicom.Tag) bool { return k.Tag() == t && k.Leaf().Kind() == Range }

func combine(date, clock Key, separate bool) (Moment, bool) {
	m := Moment{Date: date, Time: clock}
	fromDate, toDate := date.Range()
	fromTime, toTime := clock.Range()
	switch {
	case (fromDate == "") != (fromTime == "") || (toDate == "") != (toTime == ""):
		return m, false
	case separate && (fromTime == "" || toTime == "" || fromTime <= toTime):
		return m, false
	case fromDate != "" && fromDate == toDate && fromTime != "" && fromTime > toTime:
		return m, false // around midnight of one day
	}
	if fromDate != "" {
		m.Lo = fromDate + fromTime
	}
	if toDate != "" {
		m.Hi = toDate + toTime
	}
	return m, true
}
