package charset_test

import (
	"sync"
	"testing"

	"github.com/halong-gateway/halong/dicom"
)

// One Decoder may be used by several goroutines; "go test -race" looks at it.
func TestConcurrent(t *testing.T) {
	d := decoder(t, `ISO 2022 IR 13\ISO 2022 IR 87\ISO 2022 IR 149\ISO 2022 IR 58`)
	raw := []byte("\xd4\xcf=\x1b$B;3ED\x1b(J=\x1b$)C\xb1\xe8\\\x83\x5c\x1b$)A\xd5\xc5")
	want := string(d.Decode(nil, raw, dicom.PN))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if got := string(d.Decode(nil, raw, dicom.PN)); got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
	wg.Wait()
}
