package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/sample"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/worklist"
)

// A study whose comparison with the orders fails keeps no other waiting: it is listed and tried again later and later, also by the next start, until it succeeds. What
// concerns all of them is no failure of one.
func TestStudyThatCannotBeCompared(t *testing.T) {
	c, ctx := config.Default(), context.Background()
	c.Data = t.TempDir()
	c.Worklist.Images.After = config.Duration(time.Minute)
	d := openData(t, c)
	var studies []dicom.UID
	for _, seed := range []string{"a", "b", "c"} {
		o := sample.New(sample.Options{Seed: seed}).CR()
		in := storage.Inbound{Facility: "BV1", TransferSyntax: o.TransferSyntax, Body: bytes.NewReader(o.DataSet)}
		if _, err := d.Archive.Store(ctx, in); err != nil {
			t.Fatal(err)
		}
		studies = append(studies, o.Study)
	}
	bad, now := studies[0], time.Now().Add(time.Hour)
	fails := halong.E("worklist.Arrived", halong.Corrupt, "", errors.New("NGUYEN VAN AN"))
	var seen []dicom.UID
	var log bytes.Buffer
	watch := func(d *Data) *imageWatch {
		return &imageWatch{
			data: d, after: c.Worklist.Images.After.Std(), now: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(&log, nil)),
			arrived: func(_ halong.Tx, im *worklist.Images, _ time.Time) error {
				seen = append(seen, im.Study)
				if im.Study == bad {
					return fails
				}
				return nil
			},
		}
	}
	round := func(w *imageWatch, want ...dicom.UID) {
		t.Helper()
		seen = nil
		if err := w.round(ctx); err != nil {
			t.Fatal(err)
		}
		slices.Sort(seen)
		want = slices.Sorted(slices.Values(want))
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
	}
	listed := func(d *Data) (all []failedStudy) {
		t.Helper()
		e := echo.New()
		e.GET("/failed", (&App{config: c, data: d}).listFailed, func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				c.Set(principalKey, access.Principal{Scope: halong.Everything()})
				return next(c)
			}
		})
		r := httptest.NewRecorder()
		e.ServeHTTP(r, httptest.NewRequest("GET", "/failed", nil))
		var out struct{ Failed []failedStudy }
		if err := json.Unmarshal(r.Body.Bytes(), &out); err != nil || r.Code != 200 {
			t.Fatal(r.Code, err)
		}
		return out.Failed
	}

	w := watch(d)
	round(w, studies...)
	if all := listed(d); len(all) != 1 || all[0].Study != bad || all[0].Tries != 1 || all[0].Reason != "worklist.Arrived: corrupt" || all[0].Next.Sub(now).Abs() > 2*time.Minute {
		t.Errorf("%+v", all)
	}
	if s := log.String(); !strings.Contains(s, string(bad)) || !strings.Contains(s, "corrupt") || strings.Contains(s, "NGUYEN") {
		t.Error(s)
	}
	round(w) // not at once again
	now = now.Add(61 * time.Second)
	round(w, bad)
	now = now.Add(61 * time.Second) // the pause grew
	round(w)

	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openData(t, c)
	w = watch(d)
	round(w)
	now = now.Add(time.Minute)
	round(w, bad)
	if all := listed(d); len(all) != 1 || all[0].Tries != 3 {
		t.Errorf("%+v", all)
	}

	now = now.Add(24 * time.Hour)
	fails = halong.E("sqlite.Update", halong.Exhausted, "", nil)
	if err := w.round(ctx); halong.KindOf(err) != halong.Exhausted || listed(d)[0].Tries != 3 {
		t.Errorf("%v", err)
	}
	bad = ""
	round(w, studies[0])
	if all := listed(d); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func openData(t *testing.T, c *config.Config) *Data {
	t.Helper()
	d, err := OpenData(context.Background(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
