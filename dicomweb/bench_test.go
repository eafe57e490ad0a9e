package dicomweb

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/dicom/tag"
)

// BenchmarkCold shows what the answers about a series of 50 CT images cost that are not ready.
func BenchmarkCold(b *testing.B) {
	s := func() *server {
		a := realArchive(b)
		return serve(b, func(c *Config) { c.Archive, c.Documents = FromStorage(a), -1 })
	}()
	for i := range 50 {
		s.put(file(fmt.Sprintf("1.2.3.5.%d", i), patient("NGUYỄN^VĂN"), numbered(i), pixels(16, 16, 16, 1, dicom.OW, make([]byte, 512)), func(d *dataset.Set) {
			d.PutString(tag.SeriesNumber, dicom.IS, "1")
			for j := range 60 {
				d.Put(dataset.Element{Tag: dicom.NewTag(0x0018, uint16(0x9300+j)), VR: dicom.LO, Value: fmt.Appendf(nil, "value %d of instance %d ", j, i)})
			}
		}))
	}
	for _, c := range []struct{ name, path string }{
		{"instances", "/studies/1.2.3/series/1.2.3.4/instances?includefield=all"},
		{"metadata", readyMetadata},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if w := s.do(http.MethodGet, c.path, nil, "Accept: application/dicom+json"); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
