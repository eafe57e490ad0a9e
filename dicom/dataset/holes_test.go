package dataset

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/halong-gateway/halong/dicom"
)

// Leaving out bulk values and telling where they were gives the same tokens,
// whether or not the hole covers the delimiter after fragments.
func TestHoles(t *testing.T) {
	root, files := corpusFiles(t)
	for _, file := range files {
		body, _, ts, err := openCorpus(t, root, file)
		if err != nil || ts.Deflated {
			continue
		}
		for _, withDelimiter := range []bool{true, false} {
			want, holes, err := bulkHoles(body, ts, withDelimiter)
			if err != nil {
				break
			}
			got, err := withHoles(cutOut(body, holes), ts, holes)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if !slices.Equal(want, got) {
				t.Fatalf("%s: other tokens with holes", file)
			}
		}
	}
}

// bulkHoles finds top-level bulk values of more than 100 bytes and the tokens without their insides.
func bulkHoles(body []byte, ts *dicom.TransferSyntax, withDelimiter bool) (tokens []Token, holes []Hole, err error) {
	r := NewReader(bytes.NewReader(body), ts)
	for {
		k, err := r.Next()
		if err == io.EOF {
			return tokens, holes, nil
		}
		if err != nil {
			return nil, nil, err
		}
		switch {
		case k.Kind == DataElement && k.Depth == 0 && k.VR.IsBulk() && k.Length > 100:
			k.External = true
			holes = append(holes, Hole{k.ValueOffset, int64(k.Length)})
		case k.Kind == FragmentsStart && k.Depth == 0:
			k.External = true
			holes = append(holes, Hole{Offset: k.ValueOffset})
		case k.Kind == Fragment && k.Depth == 0:
			continue
		case k.Kind == FragmentsEnd && k.Depth == 0:
			h := &holes[len(holes)-1]
			if withDelimiter {
				k.Offset = k.ValueOffset
			}
			h.Length = k.Offset - h.Offset
		}
		tokens = append(tokens, k)
	}
}

func cutOut(body []byte, holes []Hole) []byte {
	out := slices.Clone(body)
	for _, h := range slices.Backward(holes) {
		out = slices.Delete(out, int(h.Offset), int(h.Offset+h.Length))
	}
	return out
}

func withHoles(head []byte, ts *dicom.TransferSyntax, holes []Hole) (tokens []Token, err error) {
	r := NewReader(bytes.NewReader(head), ts, WithHoles(holes))
	for {
		k, err := r.Next()
		if err == io.EOF {
			return tokens, nil
		}
		if err != nil {
			return nil, err
		}
		if _, err := r.Value(); k.External && !errors.Is(err, ErrExternal) {
			return nil, errors.New("Value of an external token gives a value")
		}
		tokens = append(tokens, k)
	}
}

func TestHoleThatIsNoValue(t *testing.T) {
	body := encodeTestSet(t, explicit)
	for _, h := range []Hole{{3, 10}, {40_000, 12}, {0, 1}} {
		if _, err := withHoles(body, syntax(t, explicit), []Hole{h}); err == nil {
			t.Errorf("%+v: no error", h)
		}
	}
}
