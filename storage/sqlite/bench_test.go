package sqlite_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
	"github.com/halong-gateway/halong/storage/storagetest"
)

// object gives the i-th of many: 50 instances a series, two series a study.
func object(i, perSeries, perStudy int) storagetest.Object {
	series := i / perSeries
	study := series / perStudy
	families := []string{"Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng"}
	return storagetest.Object{
		Study: fmt.Sprintf("1.2.840.99999.20261121.1.%d", study), Series: fmt.Sprintf("1.2.840.99999.20261121.1.%d.%d", study, series),
		SOP:  fmt.Sprintf("1.2.840.99999.20261121.1.%d.%d.%d", study, series, i),
		Date: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, study%1000).Format("20060102"), Time: "101112",
		ID: fmt.Sprintf("VN%08d", study/2), Name: families[study%8] + "^Văn^" + fmt.Sprint(study/8%97), Accession: fmt.Sprintf("ACC%08d", study), Birth: "19700101",
		Referring: "Trần^Bình", Description: "Khám tổng quát", Modality: []string{"SR", "CT"}[series%2], SeriesNumber: fmt.Sprint(series % perStudy),
		SeriesText: "a series", Number: fmt.Sprint(i % perSeries), Seq: uint64(i + 1),
	}
}

// cpu gives the processor time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkAddInstance(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db := open(b, nil, sqlite.Options{})
			all := make([]*storage.NewInstance, b.N)
			for i := range all {
				all[i] = object(i, 50, 2).Instance()
			}
			var next atomic.Int64
			var wg sync.WaitGroup
			begin := cpu()
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for {
						i := int(next.Add(1)) - 1
						if i >= b.N {
							return
						}
						err := db.Update(context.Background(), func(tx halong.Tx) error {
							if _, err := db.AddInstance(tx, all[i], storage.ServeFirst); err != nil {
								return err
							}
							return db.Emit(tx, halong.Event{Type: halong.EventInstanceStored, Facility: halong.DefaultFacility, Time: storagetest.Arrived, Payload: []byte(`{"study": "1.2.3", "series": "1.2.3.4", "sop": "1.2.3.4.5"}`)})
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(cpu()-begin)/float64(b.N)/1000, "cpu-us/op")
		})
	}
}

// BenchmarkAddInGroup shows the cost of the rows alone: many instances a transaction.
func BenchmarkAddInGroup(b *testing.B) {
	for _, c := range []struct {
		name                string
		perSeries, perStudy int
	}{{"known series", 50, 2}, {"new studies", 1, 1}} {
		b.Run(c.name, func(b *testing.B) {
			db := open(b, nil, sqlite.Options{})
			all := make([]*storage.NewInstance, b.N)
			for i := range all {
				all[i] = object(i, c.perSeries, c.perStudy).Instance()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for len(all) > 0 {
				n := min(1000, len(all))
				if err := db.Update(context.Background(), func(tx halong.Tx) error {
					for _, in := range all[:n] {
						if _, err := db.AddInstance(tx, in, storage.ServeFirst); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				all = all[n:]
			}
		})
	}
}

const benchInstances = 40_000

// filled gives an index of 40,000 instances in 8,000 studies.
func filled(b testing.TB) *sqlite.DB {
	db := open(b, nil, sqlite.Options{})
	for at := 0; at < benchInstances; at += 4000 {
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			for i := at; i < at+4000; i++ {
				if _, err := db.AddInstance(tx, object(i, 5, 1).Instance(), storage.ServeFirst); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	// One series as large as those of a CT.
	if err := db.Update(context.Background(), func(tx halong.Tx) error {
		for i := range 50 {
			o := object(10_000_000, 1, 1)
			o.SOP += fmt.Sprint(i)
			o.Number = fmt.Sprint(i)
			if _, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return db
}

func single(t dicom.Tag, vr dicom.VR, v string) query.Key {
	return query.Key{Path: []dicom.Tag{t}, VR: vr, Values: []string{v}}
}

func BenchmarkFind(b *testing.B) {
	db := filled(b)
	large := object(10_000_000, 1, 1)
	for _, c := range []struct {
		name  string
		query func(i int) storage.Query
	}{
		{"patient", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelStudy, Keys: []query.Key{single(tag.PatientID, dicom.LO, fmt.Sprintf("VN%08d", i*7%4000))}}
		}},
		{"study", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelStudy, Keys: []query.Key{single(tag.StudyInstanceUID, dicom.UI, object(i*37%40000, 5, 1).Study)}}
		}},
		{"accession", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelStudy, Keys: []query.Key{single(tag.AccessionNumber, dicom.SH, fmt.Sprintf("ACC%08d", i*7%8000))}}
		}},
		{"page of 25", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelStudy, Limit: 25, Offset: 25 * (i % 20)}
		}},
		{"week, 25", func(i int) storage.Query {
			d := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i%990)
			return storage.Query{Level: storage.LevelStudy, Limit: 25, Keys: []query.Key{single(tag.StudyDate, dicom.DA, d.Format("20060102")+"-"+d.AddDate(0, 0, 6).Format("20060102"))}}
		}},
		{"name*, 25", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelStudy, Limit: 25, Keys: []query.Key{single(tag.PatientName, dicom.PN, []string{"NGUYEN*", "TRAN*", "LE*"}[i%3])}}
		}},
		{"*rare*, 25", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelStudy, Limit: 25, Keys: []query.Key{single(tag.PatientName, dicom.PN, "*VU^VAN^77*")}}
		}},
		{"series of a study", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelSeries, Keys: []query.Key{single(tag.StudyInstanceUID, dicom.UI, object(i*37%40000, 5, 1).Study)}}
		}},
		{"50 instances of a series", func(i int) storage.Query {
			return storage.Query{Level: storage.LevelInstance, Keys: []query.Key{single(tag.StudyInstanceUID, dicom.UI, large.Study), single(tag.SeriesInstanceUID, dicom.UI, large.Series)}}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n, begin := 0, cpu()
			for i := range b.N {
				for _, err := range db.Find(context.Background(), halong.Everything(), c.query(i)) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(n)/float64(b.N), "rows/op")
			b.ReportMetric(float64(cpu()-begin)/float64(b.N)/1000, "cpu-us/op")
		})
	}
	b.Run("retrieve one", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			o := object(i*37%40000, 5, 1)
			n := 0
			for _, err := range db.Instances(context.Background(), halong.Everything(), storage.Ref{Study: dicom.UID(o.Study), Series: dicom.UID(o.Series), SOP: dicom.UID(o.SOP)}) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != 1 {
				b.Fatal("not found")
			}
		}
	})
	b.Run("has instance", func(b *testing.B) {
		in := object(777, 5, 1).Instance()
		b.ReportAllocs()
		for range b.N {
			if ok, err := db.HasInstance(context.Background(), in.Identity, in.Digest); !ok || err != nil {
				b.Fatal("not found", err)
			}
		}
	})
}
