package intake

import (
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// BenchmarkAnswer makes the answers to an ORU.
func BenchmarkAnswer(b *testing.B) {
	h, err := hl7v2.Parse(twelve(1))
	if err != nil {
		b.Fatal(err)
	}
	m := &storage.Message{Received: time.Unix(1795249530, 0).UTC(), Reply: storage.Reply{Application: defaultApp}}
	describe(m, h)
	b.ReportAllocs()
	for b.Loop() {
		if len((answerer{m, h}).accept(nil)) != 1 {
			b.Fatal("not one answer")
		}
	}
}

// noEvents takes events and forgets them.
type noEvents struct{ storage.Events }

func (noEvents) Emit(halong.Tx, halong.Event) error { return nil }

// BenchmarkEmit writes the two events of an ORU.
func BenchmarkEmit(b *testing.B) {
	in := New(Config{Events: noEvents{}})
	m := &storage.Message{Seq: 123456, Type: "ORU^R01", State: storage.MessageProcessed, Received: time.Unix(1795249530, 0).UTC()}
	m.Key.Control = "19AA0000001"
	b.ReportAllocs()
	for b.Loop() {
		err := in.emit(nil, halong.EventReportStored, m, reportPayload{
			Message: m.Seq, Report: lab.NewID(m.Seq, 0), Version: 1, Status: string(lab.Final), Observations: 12, NewPatient: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		if err := in.tell(nil, halong.EventMessageStored, m, false); err != nil {
			b.Fatal(err)
		}
	}
}
