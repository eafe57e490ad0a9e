package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/hl7v2/mllp"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestBrokenIndex: a gateway whose index loses rows that were acknowledged ends with an error, and the next one has them.
func TestBrokenIndex(t *testing.T) {
	c := config.Default()
	c.Data, c.HTTP.Listen, c.DICOM.Listen, c.HL7.Listen = t.TempDir(), "127.0.0.1:0", config.Off, "127.0.0.1:0"
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Serve(context.Background()) }()
	<-a.Ready()
	peer, err := mllp.Dial(t.Context(), a.Addresses().HL7)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	index, broken := a.data.Index, false
	acked := 0
	for ; !broken && acked < 1000; acked++ { // nothing is lost where the message was committed meanwhile: another try then
		msg := fmt.Sprintf("MSH|^~\\&|LAB|H|HALONG|H|20261122||ORU^R01^ORU_R01|B%d|P|2.5.1\rPID|||%[1]d\rOBR|1||F%[1]d|GLU\rOBX|1|NM|GLU||5.1||||||F\r", acked)
		if answer, err := peer.Send(t.Context(), []byte(msg)); err != nil || !bytes.Contains(answer, []byte("MSA|AA|")) {
			t.Fatalf("%q, %v", answer, err)
		}
		if err := index.UpdateJournaled(t.Context(), func(tx halong.Tx) error {
			_, err := tx.(*sqlite.Tx).Exec("INSERT OR ROLLBACK INTO generation (id, value) VALUES (1, x'')")
			return err
		}); err == nil {
			t.Fatal("a failure is not told")
		}
		_, err := index.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Limit: 1})
		broken = err != nil
	}
	if !broken {
		t.Fatal("nothing was lost")
	}
	if err := <-ended; err == nil {
		t.Fatal("it ended as if nothing had happened")
	}
	again, end := begin(t, c)
	defer end()
	page, err := again.data.Index.FindMessages(t.Context(), halong.Everything(), storage.MessageQuery{Limit: acked + 1})
	if err != nil || len(page.Messages) != acked {
		t.Fatalf("%d messages of %d acknowledged, %v", len(page.Messages), acked, err)
	}
}
