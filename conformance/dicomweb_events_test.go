package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/halong-gateway/halong/internal/sample"
)

// feed asks for events after a number.
func feed(t *testing.T, p *process, query string) (types []string, next uint64) {
	t.Helper()
	resp, err := http.Get(p.HTTP + "/events?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Events []struct {
			Seq     uint64
			Type    string
			Payload struct{ Instance string }
		}
		Next uint64
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, status %d", err, resp.StatusCode)
	}
	for _, e := range page.Events {
		types = append(types, e.Type+" "+e.Payload.Instance)
	}
	return types, page.Next
}

// TestEvents: the change feed tells of what was stored: from any number on, to callers that wait, and as a stream.
func TestEvents(t *testing.T) {
	p := start(t, t.TempDir())
	objects := sample.New(sample.Options{Seed: "events", Time: time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)}).Objects()
	put := func(i int) string {
		t.Helper()
		contentType, body := stowBody(t, objects[i].Part10())
		resp, err := http.Post(p.HTTP+"/dicom-web/studies", contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // not read
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
		return "instance.stored " + string(objects[i].SOPInstance)
	}
	want := []string{put(0), put(1)}
	got, next := feed(t, p, "")
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if one, n := feed(t, p, "limit=1"); len(one) != 1 || one[0] != want[0] || n >= next {
		t.Errorf("%v, next %d", one, n)
	}
	if none, n := feed(t, p, fmt.Sprintf("since=%d", next)); len(none) != 0 || n != next {
		t.Errorf("%v, next %d", none, n)
	}

	// A caller that waits is told.
	waited := make(chan []string, 1)
	go func() {
		got, _ := feed(t, p, fmt.Sprintf("since=%d&wait=60", next))
		waited <- got
	}()
	third := put(2)
	if got := <-waited; len(got) != 1 || got[0] != third {
		t.Errorf("%v, want %s", got, third)
	}

	// A stream begins where the last one ended, and goes on.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.HTTP+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", fmt.Sprint(next))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	read := func(want string) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if !strings.Contains(data, `"instance":"`+strings.TrimPrefix(want, "instance.stored ")+`"`) {
					t.Errorf("%s, want %s", data, want)
				}
				return
			}
		}
		t.Fatal("the stream ended: ", lines.Err())
	}
	read(third)
	read(put(3))
	for _, bad := range []string{"since=x", "limit=-1", "wait=soon"} {
		resp, err := http.Get(p.HTTP + "/events?" + bad)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, resp.StatusCode)
		}
	}
}
