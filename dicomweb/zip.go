package dicomweb

import (
	"archive/zip"
	"net/http"
	"strconv"

	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/storage"
)

const mediaZip = "application/zip"

// acceptsZip tells whether the instances are wanted as one ZIP file, and in which transfer syntax: that of the
// range's transfer-syntax parameter, the stored one without.
func (a accept) acceptsZip() (syntax string, ok bool) {
	best, bestQ := mediaRange{}, 0.0
	for _, r := range a {
		if r.q > bestQ {
			best, bestQ = r, r.q
		}
	}
	return best.syntax, best.mediaType == mediaZip && !best.multipart
}

// sendZip answers a ZIP file of PS3.10 files, streamed and not compressed again. Files are named as PS3.10 8.2 wants, so that they
// can go on a medium as they are: a folder for each series.
func (q *request) sendZip(s *selection, syntax string) error {
	c, err := s.choose(accept{{mediaType: mediaDICOM, multipart: true, syntax: zipSyntax(syntax), q: 1}})
	if err != nil {
		return err
	}
	if done, err := q.fresh(s.tagFor(c).add(mediaZip)); done {
		return err
	}
	h := q.Response().Header()
	h.Set("Content-Type", mediaZip)
	h.Set("Content-Disposition", `attachment; filename="`+zipName(q)+`"`)
	c.warn(q)
	if q.Request().Method == http.MethodHead {
		q.start(c.status())
		return nil
	}
	out, done := q.gather(&lazyBody{q: q, status: c.status()})
	defer done()
	z := zip.NewWriter(out)
	names := zipNames{series: map[dicom.UID]int{}}
	for in, err := range s.all() {
		if err != nil {
			return err
		}
		o, ok := c.offers[shapeOf(in)]
		if !ok {
			continue
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: names.next(in.Identity), Method: zip.Store, Modified: in.Received})
		if err == nil {
			err = q.writeObject(w, in, o.syntax)
		}
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Flush()
}

func zipSyntax(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// zipName names the file by the last UID of the path, which names no patient.
func zipName(q *request) string {
	for _, p := range []string{"instance", "series", "study"} {
		if u := q.param(p); u != "" {
			return u + ".zip"
		}
	}
	return "instances.zip"
}

// zipNames numbers series and instances: names of eight characters (PS3.10 8.2).
type zipNames struct {
	series    map[dicom.UID]int
	instances int
}

func (n *zipNames) next(id storage.Identity) string {
	if n.series[id.Series] == 0 {
		n.series[id.Series] = len(n.series) + 1
	}
	n.instances++
	return "DICOM/SE" + digits(n.series[id.Series]) + "/IM" + digits(n.instances)
}

func digits(n int) string {
	s := strconv.Itoa(n)
	for len(s) < 6 {
		s = "0" + s
	}
	return s
}
