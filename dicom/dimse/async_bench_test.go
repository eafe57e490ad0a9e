package dimse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"
)

// groupCommit answers C-STORE after a commit of 1 ms, which whoever is waiting shares.
type groupCommit struct{ queue chan chan struct{} }

func (g *groupCommit) run(stop <-chan struct{}) {
	for {
		var batch []chan struct{}
		select {
		case c := <-g.queue:
			batch = append(batch, c)
		case <-stop:
			return
		}
		for more := true; more; {
			select {
			case c := <-g.queue:
				batch = append(batch, c)
			default:
				more = false
			}
		}
		time.Sleep(time.Millisecond)
		for _, c := range batch {
			close(c)
		}
	}
}

func (g *groupCommit) Serve(_ context.Context, rq *Request) Response {
	if _, err := io.Copy(io.Discard, rq.Data); err != nil {
		return Answer(OutOfResources)
	}
	done := make(chan struct{})
	g.queue <- done
	<-done
	return Answer(Success)
}

// BenchmarkAsyncStore: C-STOREs of 16 KiB on one Association, to a service that waits for a shared commit, by window.
func BenchmarkAsyncStore(b *testing.B) {
	for _, window := range []uint16{1, 4, 16} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			g := &groupCommit{queue: make(chan chan struct{}, 64)}
			stop := make(chan struct{})
			defer close(stop)
			go g.run(stop)
			a := dial(b, start(b, &Server{Mux: concurrentMux(g), AsyncOperations: window}), proposing(window, 1))
			body := make([]byte, 16<<10)
			b.SetBytes(int64(len(body)))
			b.ResetTimer()
			for range b.N {
				err := a.Go(context.Background(), 3, &Command{Field: CStoreRQ, AffectedSOPClass: ctStorage, AffectedSOPInstance: "1.2"}, bytes.NewReader(body), func(r *Response, err error) {
					if err != nil || r.Status != Success {
						b.Errorf("%+v, %v", r, err)
					}
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			if err := a.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}
