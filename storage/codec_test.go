package storage

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

func drawDigest(t *rapid.T) (d halong.Digest) {
	copy(d[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
	return d
}

func drawManifest(t *rapid.T) Manifest {
	m := Manifest{
		SOPClass:       dicom.UID(rapid.String().Draw(t, "class")),
		SOPInstance:    dicom.UID(rapid.String().Draw(t, "instance")),
		TransferSyntax: dicom.UID(rapid.String().Draw(t, "syntax")),
		Head:           drawDigest(t),
		HeadLength:     rapid.Int64Range(0, 1<<40).Draw(t, "head length"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "bulk values") {
		m.Bulk = append(m.Bulk, Bulk{
			Tag: dicom.Tag(rapid.Uint32().Draw(t, "tag")), Offset: rapid.Int64Range(0, 1<<40).Draw(t, "offset"),
			Length: rapid.Int64Range(0, 1<<40).Draw(t, "length"), Digest: drawDigest(t),
		})
	}
	return m
}

func TestManifestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawManifest(t)
		got, err := ParseManifest(want.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The digest of a manifest is the identity of what is stored: it must never
// change. A difference here means that a new manifest version is needed.
func TestManifestDigestIsStable(t *testing.T) {
	m := Manifest{
		SOPClass: "1.2.840.10008.5.1.4.1.1.2", SOPInstance: "2.25.1", TransferSyntax: dicom.ExplicitVRLittleEndian,
		Head: halong.Digest{1}, HeadLength: 1000, Bulk: []Bulk{{Tag: 0x7fe00010, Offset: 1000, Length: 524288, Digest: halong.Digest{2}}},
	}
	// Computed once by a Python script from the description of Append.
	const want = "sha256:745775fb29b515a5152d766dfc635225ff6856678a0647ef098eaffb6e72d80c"
	if got := m.Digest().String(); got != want {
		t.Errorf("digest of manifest version 1 is %s, want %s", got, want)
	}
}

func TestObjectRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 1, 64)
		want := objectRecord{
			Facility: "BV1", Source: halong.Source{Protocol: "C-STORE", Peer: "CT1", Address: "127.0.0.1"},
			Received: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "received")).UTC(),
			Study:    "1.2", Series: "1.3", Reason: rapid.String().Draw(t, "reason"), Manifest: drawManifest(t),
			Frames: bytes.Draw(t, "frames"), Envelope: bytes.Draw(t, "envelope"), Tail: 1, Head: bytes.Draw(t, "head"),
		}
		for _, b := range want.Manifest.Bulk {
			want.Parts = append(want.Parts, BlobInfo{Digest: b.Digest, Size: b.Length, Prefix: rapid.Uint64().Draw(t, "prefix")})
		}
		var payload []byte
		for _, p := range want.encode() {
			payload = append(payload, p...)
		}
		got, err := parseObjectRecord(payload)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Fatal(diff)
		}
		envelope, head := got.places(Place{Segment: 3, Offset: 100, Length: int64(len(payload))})
		at := func(p Place) []byte { return payload[p.Offset-100:][:p.Length] }
		if diff := cmp.Diff([][]byte{want.Envelope, want.Head}, [][]byte{at(envelope), at(head)}); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzObjectRecord(f *testing.F) {
	r := objectRecord{Facility: "BV1", Manifest: Manifest{SOPInstance: "1.2", Bulk: []Bulk{{}}}, Parts: []BlobInfo{{}}, Head: []byte("head")}
	var seed []byte
	for _, p := range r.encode() {
		seed = append(seed, p...)
	}
	f.Add(seed)
	coerced := r
	coerced.Coerced, coerced.Manifest.HeadLength = &objectRecord{Head: []byte("another")}, 4
	f.Add(slices.Concat(coerced.encode()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseObjectRecord(b)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range r.encode() {
			again = append(again, p...)
		}
		if _, err := parseObjectRecord(again); err != nil {
			t.Fatalf("what was read is not readable when written again: %v", err)
		}
	})
}
