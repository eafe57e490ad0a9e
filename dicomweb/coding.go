package dicomweb

import (
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Content codings of metadata and search results (RFC 9110 8.4.1, RFC 8878). Pixels are not coded: they are
// compressed already, or their range requests would lose their meaning.
const (
	codingZstd = "zstd"
	codingGzip = "gzip"
)

// smallest is the length in bytes from which a body is worth a coding: that of one packet.
const smallest = 1400

// coding gives the best content coding that Accept-Encoding takes, empty for none.
func (q *request) coding() string {
	best, bestQ := "", 0.0
	for _, c := range []string{codingZstd, codingGzip} {
		if v := codingQuality(q.Request().Header.Values("Accept-Encoding"), c); v > bestQ {
			best, bestQ = c, v
		}
	}
	if codingQuality(q.Request().Header.Values("Accept-Encoding"), "identity") > bestQ {
		return ""
	}
	return best
}

// codingQuality gives the quality of a coding: its own, or that of "*"; 0 if it is not acceptable. What is not mentioned
// is not wanted, "identity" the least of all (RFC 9110 12.5.3).
func codingQuality(lists []string, coding string) float64 {
	other := 0.0
	if coding == "identity" {
		other = 0.0001
	}
	for _, l := range lists {
		for one := range strings.SplitSeq(l, ",") {
			name, params, _ := strings.Cut(one, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name == "x-gzip" {
				name = codingGzip
			}
			if name != coding && name != "*" {
				continue
			}
			v := 1.0
			if _, s, ok := strings.Cut(params, "="); ok {
				var err error
				if v, err = strconv.ParseFloat(strings.TrimSpace(s), 64); err != nil || !(v >= 0 && v <= 1) {
					v = 0
				}
			}
			if name == coding {
				return v
			}
			other = v
		}
	}
	return other
}

// coders are compressors that are used again by later requests.
type coders struct {
	zstd sync.Pool // of *zstd.Encoder
	gzip sync.Pool // of *gzip.Writer
}

// encode gives a writer whose content reaches w coded once it is closed.
func (c *coders) encode(w io.Writer, coding string) (io.WriteCloser, error) {
	switch coding {
	case codingZstd:
		e, _ := c.zstd.Get().(*zstd.Encoder)
		if e == nil {
			var err error // a window of 1 MiB is within what every decoder takes (RFC 8878 3.1.1.1.2)
			e, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
			return closing{e, func() { c.zstd.Put(e) }}, err
		}
		e.Reset(w)
		return closing{e, func() { c.zstd.Put(e) }}, nil
	case codingGzip:
		e, _ := c.gzip.Get().(*gzip.Writer)
		if e == nil {
			var err error
			e, err = gzip.NewWriterLevel(w, 3)
			return closing{e, func() { c.gzip.Put(e) }}, err
		}
		e.Reset(w)
		return closing{e, func() { c.gzip.Put(e) }}, nil
	}
	return closing{nopCloser{w}, func() {}}, nil
}

// closing tells when it was closed in order.
type closing struct {
	io.WriteCloser
	done func()
}

// Close ends the content.
func (c closing) Close() error {
	err := c.WriteCloser.Close()
	if err == nil {
		c.done()
	}
	return err
}

type nopCloser struct{ io.Writer }

// Close does nothing.
func (nopCloser) Close() error { return nil }
