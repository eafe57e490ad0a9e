package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicomweb"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/storage/derived"
)

// readyFolder is where metadata of series are kept ready, below the data folder: beside the index, since they can be made again as it can.
const readyFolder = "index/ready"

func readyPath(c *config.Config) string { return filepath.Join(c.Data, readyFolder) }

// shelf is what metadata of series lie on, with what has to be done to it once.
type shelf struct {
	*derived.Shelf
	ready *dicomweb.Ready
	told  atomic.Int64 // the minute of the last failure
}

// addReady makes what keeps metadata of series ready, unless it is switched off; then what is there goes.
func (a *App) addReady(web *dicomweb.Config) error {
	if a.config.DICOMweb.Ready == 0 {
		return derived.Clear(readyPath(a.config))
	}
	s, err := derived.Open(readyPath(a.config), int64(a.config.DICOMweb.Ready))
	if err != nil {
		return err
	}
	r, err := dicomweb.NewReady(*web, dicomweb.ReadyConfig{
		Shelf: s, History: a.data.Index, MadeBy: madeBy(a.config, a.data.Index.Generation()),
		Failed: a.shelfFailed,
	})
	if err != nil {
		return err
	}
	a.shelf, web.Ready = &shelf{Shelf: s, ready: r}, r
	return nil
}

// shelfFailed tells what was not kept, once a minute: on a full disk it would be everything. It is made again when it is asked for.
func (a *App) shelfFailed(err error) {
	now := time.Now().Unix() / 60
	if a.shelf != nil && a.shelf.told.Swap(now) == now {
		return
	}
	a.log.Warn("metadata were not kept ready", "error", err)
}

// run works until the context ends.
func (s *shelf) run(ctx context.Context, failed func(error)) {
	if err := s.Scan(ctx); err != nil && halong.KindOf(err) != halong.Transient {
		failed(err)
	}
	s.ready.Run(ctx)
}

// madeBy names all that an answer depends on beside what is stored: the program, as its file tells it, the rules that
// say which version is served and under which identity, and the index.
func madeBy(c *config.Config, index string) string {
	program := ""
	if name, err := os.Executable(); err == nil {
		if info, err := os.Stat(name); err == nil {
			program = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
		}
	}
	return fmt.Sprintf("%s %s %s %+v %+v %s", Version(), program, c.Storage.Versions, c.Storage.Rejections, c.Patients, index)
}
