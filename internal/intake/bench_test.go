package intake

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/halong-gateway/halong/hl7v2/mllp"
)

// twelve makes an ORU of 12 results, each of another patient, like ../shared/bench.
func twelve(i int64) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|ANALYZER|LAB|GATEWAY|HOSPITAL|20261121081530||ORU^R01^ORU_R01|B%07d|P|2.5.1|||AL|NE||UNICODE UTF-8\r", i)
	fmt.Fprintf(&b, "PID|1||P%07d^^^VNM^NI||Nguyễn^Văn^An||19700102|M\rPV1|1|O|KKB^^^BV\rORC|RE|A%07d||||||20261121081530\r", i, i)
	fmt.Fprintf(&b, "OBR|1|A%07d|A%07d|58410-2^Tổng phân tích tế bào máu^LN|||20261121081530\r", i, i)
	for k := range 12 {
		fmt.Fprintf(&b, "OBX|%d|NM|%d-2^WBC^LN||%d.%d|10*9/L|4.0-10.0||||F|||20261121081530\r", k+1, 6690+k, k, i%10)
	}
	return []byte(b.String())
}

// BenchmarkORU measures durable ORUs over MLLP at 16 connections. cpu-s/1000 is the
// processor time of the process, load included, for 1,000 messages.
func BenchmarkORU(b *testing.B) {
	w := newWorld(b)
	w.in.cfg.Log = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	w.in.cfg.Now = time.Now
	w.in.cfg.Observe = func(Outcome, time.Duration) {}
	w.listen(mllp.Config{})
	var next atomic.Int64
	ctx := context.Background()
	done := make(chan error)
	b.ResetTimer()
	before := cpu(b)
	for range 16 {
		go func() {
			c, err := mllp.Dial(ctx, w.addr)
			for i := next.Add(1); err == nil && i <= int64(b.N); i = next.Add(1) {
				var answer []byte
				if answer, err = c.Send(ctx, twelve(i)); err == nil && !strings.HasPrefix(msa(string(answer)), "CA ") {
					err = fmt.Errorf("answer %q", answer)
				}
			}
			done <- err
		}()
	}
	for range 16 {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-s/1000")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
