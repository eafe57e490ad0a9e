package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/lab"
	"github.com/halong-gateway/halong/storage"
)

// loadedMaps are the maps of a configuration, and the files that they are.
type loadedMaps struct {
	maps     lab.Maps
	versions []storage.MapVersion
}

// loadMaps reads the maps of a configuration. A map with mistakes is refused: half of it would mislead.
func loadMaps(c *config.Config) (l loadedMaps, err error) {
	const op = "app.loadMaps"
	seen := map[string]bool{}
	for _, name := range c.Lab.Maps {
		m, raw, problems, err := readMap(name)
		if err != nil {
			return l, err
		}
		if seen[m.Name] { // readings name the map that they are by
			return l, halong.E(op, halong.Invalid, m.Name, errors.New("two maps have that name"))
		}
		seen[m.Name] = true
		for _, p := range problems {
			if !p.Warning {
				return l, halong.E(op, halong.Invalid, m.Name, fmt.Errorf("%s: %s (see halong lab map check)", name, p))
			}
		}
		l.maps = append(l.maps, m)
		l.versions = append(l.versions, storage.MapVersion{Name: m.Name, Version: m.Version, Codes: m.Codes, Units: m.Units, Raw: raw, Digest: sha256.Sum256(raw)})
	}
	return l, nil
}

// ReadLabMap reads a map of codes and units, and gives what is wrong with it.
func ReadLabMap(name string) (*lab.Map, []lab.Problem, error) {
	m, _, problems, err := readMap(name)
	return m, problems, err
}

func readMap(name string) (m *lab.Map, raw []byte, problems []lab.Problem, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, nil, halong.E("app.ReadLabMap", halong.NotExist, filepath.Base(name), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b bytes.Buffer
	m, problems, err = lab.ParseMap(filepath.Base(name), io.TeeReader(f, &b))
	return m, b.Bytes(), problems, err
}

// mostMapVersions bounds how far back a map is looked for among those that were loaded.
const mostMapVersions = 10_000

// keepMaps notes in the journal which maps results are given out with from now on, with their bytes: those that are not the last that was
// loaded under their name.
func (d *Data) keepMaps(ctx context.Context, loaded []storage.MapVersion) error {
	if len(loaded) == 0 {
		return nil
	}
	known, err := d.Index.MapVersions(ctx, mostMapVersions)
	if err != nil {
		return err
	}
	last := map[string]halong.Digest{}
	for i := len(known) - 1; i >= 0; i-- {
		last[known[i].Name] = known[i].Digest
	}
	for i := range loaded {
		m := &loaded[i]
		if have, ok := last[m.Name]; ok && have == m.Digest {
			continue
		}
		last[m.Name] = m.Digest
		m.Loaded = time.Now().UTC().Truncate(time.Microsecond)
		err := d.Index.Update(ctx, func(tx halong.Tx) error {
			seq, payload, err := d.Store.Append(tx, storage.RecordLabMap, m.Record()...)
			if err != nil {
				return err
			}
			m.Seq, m.Place = seq, m.RawPlace(payload)
			return d.Index.AddMapVersion(tx, m)
		})
		if err != nil {
			return err
		}
		d.log.Info("map of laboratory codes loaded", "name", m.Name, "version", m.Version, "codes", m.Codes, "units", m.Units)
	}
	return nil
}

// replayMap applies a record of kind RecordLabMap.
func (d *Data) replayMap(tx halong.Tx, rec storage.Record) error {
	m, err := storage.ParseMapVersion(rec.Payload)
	if err != nil {
		return err
	}
	m.Seq, m.Place, m.Digest = rec.Seq, m.RawPlace(rec.Place), sha256.Sum256(m.Raw)
	return d.Index.AddMapVersion(tx, m)
}
