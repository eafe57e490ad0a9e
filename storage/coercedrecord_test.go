package storage

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// One record holds what was received and what is served; each head, in the record or apart, is found again.
func TestCoercedRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) objectRecord {
			r := objectRecord{Facility: "BV1", Study: "1.2", Series: "1.3", Reason: "torn", Manifest: drawManifest(t), Frames: []byte(name)}
			for _, b := range r.Manifest.Bulk {
				r.Parts = append(r.Parts, BlobInfo{Digest: b.Digest, Size: b.Length})
			}
			if rapid.Bool().Draw(t, "apart") {
				r.Parts = append(r.Parts, BlobInfo{Digest: r.Manifest.Head, Size: r.Manifest.HeadLength})
				return r
			}
			r.Head = rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, name)
			r.Manifest.HeadLength = int64(len(r.Head))
			return r
		}
		want, coerced := draw("received"), draw("coerced")
		want.Envelope, want.Tail = []byte("envelope"), 3
		want.Coerced = &coerced
		payload := slices.Concat(want.encode()...)
		got, err := parseObjectRecord(payload)
		if err != nil {
			t.Fatal(err)
		}
		empty := func(r *objectRecord) { // an empty slice is none
			if len(r.Head) == 0 {
				r.Head = nil
			}
		}
		empty(got)
		empty(got.Coerced)
		got.Received, got.Coerced.Received = want.Received, coerced.Received
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Fatal(diff)
		}
		envelope, head := got.places(Place{Segment: 3, Offset: 100, Length: int64(len(payload))})
		second := got.coercedPlace(Place{Segment: 3, Offset: 100, Length: int64(len(payload))})
		at := func(p Place) string { return string(payload[p.Offset-100:][:p.Length]) }
		if diff := cmp.Diff([]string{"envelope", string(want.Head), string(coerced.Head)}, []string{at(envelope), at(head), at(second)}); diff != "" {
			t.Error(diff)
		}
	})
}
