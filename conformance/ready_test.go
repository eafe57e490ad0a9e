package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestReadyMetadataOverKill: while several store by STOW-RS and others read, the metadata of a series hold everything that was acknowledged
// before they were asked for; after a kill -9 in the middle of it, and after each further start, too, and they come from the disk as well. A reindex
// drops what is ready, and gives the same answers. What nobody may see any more is not left on disk.
func TestReadyMetadataOverKill(t *testing.T) {
	data := t.TempDir()
	ready := filepath.Join(data, "index", "ready")
	const workers = 3
	acknowledged := &sopList{}
	var made object
	for round := range 2 {
		p := start(t, data)
		if round > 0 {
			acknowledged.check(t, p.HTTP, &made) // the first answer after the kill
		}
		stop, stopReading := make(chan struct{}), make(chan struct{})
		var storing, reading sync.WaitGroup
		var stored atomic.Int64
		for w := range workers {
			storing.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					o := newObject(1, round*10_000+w*1000+i, 64, "P1")
					contentType, body := stowBody(t, o.part10())
					resp, err := http.Post(p.HTTP+"/dicom-web/studies", contentType, body)
					if err != nil {
						return // killed
					}
					_ = resp.Body.Close()
					if resp.StatusCode == http.StatusOK {
						acknowledged.add(string(o.sop))
						stored.Add(1)
					}
				}
			})
		}
		made = newObject(1, 1, 64, "P1")
		for range 2 {
			reading.Go(func() {
				for {
					select {
					case <-stopReading:
						return
					default:
						acknowledged.check(t, p.HTTP, &made)
					}
				}
			})
		}
		eventually(t, "objects and documents", func() bool { return stored.Load() >= 20 })
		close(stopReading) // they see a server that lives
		reading.Wait()
		if round == 0 { // killed when all is quiet, and in the middle of storing
			close(stop)
			storing.Wait()
			eventually(t, "a document on disk", func() bool { return len(readyFiles(t, ready)) > 0 })
		}
		p.kill(t)
		if round > 0 {
			close(stop)
			storing.Wait()
		}
	}
	p := start(t, data)
	before := acknowledged.check(t, p.HTTP, &made)
	eventually(t, "a document on disk", func() bool { return len(readyFiles(t, ready)) > 0 })
	p.stop(t)
	p = start(t, data)
	if after := acknowledged.check(t, p.HTTP, &made); !bytes.Equal(before, after) {
		t.Error("another answer after a restart")
	}
	p.stop(t)

	run(t, "reindex", "--data", data)
	if left := readyFiles(t, ready); len(left) > 0 {
		t.Errorf("%d documents were left by a reindex", len(left))
	}
	p = start(t, data)
	if after := acknowledged.check(t, p.HTTP, &made); !bytes.Equal(before, after) {
		t.Error("another answer after a reindex")
	}
	eventually(t, "a document on disk", func() bool { return len(readyFiles(t, ready)) > 0 })
	req, err := http.NewRequest(http.MethodDelete, p.HTTP+"/dicom-web/studies/"+string(made.study), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("DELETE: %s", resp.Status)
	}
	if status, _ := get(t, p.HTTP+"/dicom-web"+seriesOf(&made)+"/metadata", ""); status != http.StatusGone && status != http.StatusNotFound {
		t.Errorf("%d after the deletion", status)
	}
	eventually(t, "documents of a deleted study to go", func() bool { return len(readyFiles(t, ready)) == 0 })
	p.stop(t)
}

func seriesOf(o *object) string { return fmt.Sprintf("/studies/%s/series/%s", o.study, o.series) }

// sopList are the SOP Instance UIDs that a server acknowledged.
type sopList struct {
	mu   sync.Mutex
	list []string
}

func (l *sopList) add(sop string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, sop)
}

// check asks for the metadata of the series: all that was acknowledged before must be there, each once.
func (l *sopList) check(t *testing.T, url string, o *object) []byte {
	t.Helper()
	l.mu.Lock()
	want := l.list[:len(l.list):len(l.list)]
	l.mu.Unlock()
	if len(want) == 0 {
		return nil
	}
	status, body := get(t, url+"/dicom-web"+seriesOf(o)+"/metadata", "application/dicom+json")
	if status != http.StatusOK {
		t.Errorf("metadata: %d", status)
		return nil
	}
	var all []struct {
		SOP struct{ Value []string } `json:"00080018"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Error(err)
		return nil
	}
	have := map[string]bool{}
	for _, in := range all {
		if have[in.SOP.Value[0]] {
			t.Errorf("%s is there twice", in.SOP.Value[0])
		}
		have[in.SOP.Value[0]] = true
	}
	for _, sop := range want {
		if !have[sop] {
			t.Errorf("an instance that was acknowledged is missing among %d", len(all))
			break
		}
	}
	return bytes.ReplaceAll(body, []byte(url), nil) // the port is another after each start
}

func readyFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), "-") && !strings.HasPrefix(d.Name(), "new-") {
			names = append(names, name)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
