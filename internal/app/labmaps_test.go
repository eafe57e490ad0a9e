package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/internal/app/config"
)

// The maps that results were given out with are kept, each version that was loaded, with their bytes; also when the index is made again.
func TestMapVersions(t *testing.T) {
	c := config.Default()
	c.Data, c.HTTP.Listen, c.DICOM.Listen, c.HL7.Listen = t.TempDir(), "127.0.0.1:0", config.Off, config.Off
	name := filepath.Join(t.TempDir(), "lis.csv")
	c.Lab.Maps = []string{name}
	const (
		first  = "# version: 1\ncode,loinc\nGLU,2345-7\n"
		second = "# version: 2\ncode,loinc\nGLU,14749-6\n"
		third  = "code,loinc\nGLU,14749-6\nHB,718-7\n"
	)
	session := func(file string, do func(url string)) {
		t.Helper()
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		a, end := begin(t, c)
		do(a.Addresses().URL)
		end()
	}
	get := func(url string, want int) string {
		t.Helper()
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != want {
			t.Errorf("%s: %d %s (%v)", url, r.StatusCode, b, err)
		}
		return string(b)
	}
	loads := func(url string) (list []string) {
		t.Helper()
		var x struct {
			Maps   []struct{ Version string }
			Loaded []struct {
				Name, Version, Digest, Loaded string
				Codes, Size                   int
				InUse                         bool
			}
		}
		if err := json.Unmarshal([]byte(get(url+"/api/lab/maps", 200)), &x); err != nil {
			t.Fatal(err)
		}
		for _, m := range x.Loaded {
			if len(m.Digest) != 71 || len(m.Loaded) < 20 {
				t.Errorf("%+v", m)
			}
			list = append(list, fmt.Sprintf("%s %.1s %d %d %t", m.Name, m.Version, m.Codes, m.Size, m.InUse))
		}
		return list
	}
	var before string
	session(first, func(at string) {
		const body = `{"patient":{"id":"8"},"reports":[{"service":"S","observations":[{"code":"GLU","value":5}]}]}`
		if r, err := http.Post(at+"/api/results", "application/json", strings.NewReader(body)); err != nil || r.StatusCode != 200 {
			t.Fatal(r, err)
		}
		if got := get(at+"/api/patients/8/results", 200); !strings.Contains(got, `"2345-7"`) || !strings.Contains(got, `"by": "map lis.csv version 1"`) || !strings.Contains(got, `"digest": "sha256:`) {
			t.Error(got)
		}
	})
	session(first, func(string) {}) // the same again is not another version
	session(second, func(at string) {
		if got := get(at+"/api/patients/8/results", 200); !strings.Contains(got, `"14749-6"`) || strings.Contains(got, "2345-7") {
			t.Error(got)
		}
	})
	session(first, func(string) {}) // back
	check := func(at string) {
		t.Helper()
		// The third has no version of its own: the beginning of its digest is it.
		want := []string{"lis.csv 1 1 35 true", "lis.csv 2 1 36 false", "lis.csv 1 1 35 false"}
		got := loads(at)
		if d := cmp.Diff(append([]string{fmt.Sprintf("lis.csv %.1s 2 %d true", got[0][8:], len(third))}, strings.Replace(want[0], "true", "false", 1), want[1], want[2]), got); d != "" {
			t.Error(d)
		}
		if got := get(at+"/api/lab/maps?version=1", 200); got != first {
			t.Error(got)
		}
		if got := get(at+"/api/lab/maps?name=lis.csv&version=2", 200); got != second {
			t.Error(got)
		}
		get(at+"/api/lab/maps?version=3", 404)
		get(at+"/api/lab/maps?version=2&name="+url.QueryEscape("units.csv"), 404)
		var x struct {
			Maps []struct{ Version, Digest string }
		}
		if err := json.Unmarshal([]byte(get(at+"/api/lab/maps", 200)), &x); err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{x.Maps[0].Version, x.Maps[0].Digest, x.Maps[0].Digest[7:15]} {
			if got := get(at+"/api/lab/maps?version="+v, 200); got != third {
				t.Errorf("%s: %s", v, got)
			}
		}
	}
	session(third, func(at string) {
		check(at)
		before = get(at+"/api/lab/maps", 200) + get(at+"/api/patients/8/results", 200)
	})
	if err := os.RemoveAll(filepath.Join(c.Data, "index")); err != nil {
		t.Fatal(err)
	}
	session(third, func(at string) {
		check(at)
		if d := cmp.Diff(before, get(at+"/api/lab/maps", 200)+get(at+"/api/patients/8/results", 200)); d != "" {
			t.Errorf("after the index was made again: %s", d)
		}
	})
	c.Lab.Maps = []string{name, filepath.Join(t.TempDir(), "lis.csv")}
	if err := os.WriteFile(c.Lab.Maps[1], []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "two maps have that name") {
		t.Error(err)
	}
}
