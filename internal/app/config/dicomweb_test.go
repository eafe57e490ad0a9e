package config

import (
	"strings"
	"testing"
)

// Bounds that nothing would fit into, and answers that there are not, are told with their line.
func TestDICOMweb(t *testing.T) {
	c := Default()
	text := "dicomweb: {empty: no_content, max_body: 8GiB, metadata: 64MiB, documents: 0, ready: 0, frames: 2MiB, max_results: 500}"
	if _, err := decode([]byte(text), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if w := c.DICOMweb; w.Empty != EmptyNoContent || w.MaxBody != 8<<30 || w.Metadata != 64<<20 || w.Documents != 0 || w.Ready != 0 || w.Frames != 2<<20 || w.MaxResults != 500 {
		t.Errorf("%+v", w)
	}
	for _, f := range []struct{ text, want string }{
		{"dicomweb:\n  empty: nothing", "line 2: dicomweb.empty: \"nothing\" is neither ok nor no_content"},
		{"dicomweb:\n  max_body: 4KiB", "line 2: dicomweb.max_body: at least 1MiB, or 0"},
		{"dicomweb:\n  metadata: 0", "line 2: dicomweb.metadata: at least 16MiB"},
		{"dicomweb:\n  ready: 1MiB", "line 2: dicomweb.ready: at least 16MiB, or 0"},
		{"dicomweb:\n  max_results: 0", "line 2: dicomweb.max_results: 1 to 1000000"},
		{"dicomweb: {cache: 1}", "cache"},
	} {
		c := Default()
		at, err := decode([]byte(f.text), c)
		if err == nil {
			err = c.Check()
			at.locate(err)
		}
		if err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%s: %v", f.text, err)
		}
	}
}
