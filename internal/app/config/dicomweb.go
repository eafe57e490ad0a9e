package config

import (
	"errors"
	"fmt"
)

// DICOMweb says how the services of PS3.18 answer, and what they may take.
type DICOMweb struct {
	Empty      string `yaml:"empty"`       // ok | no_content: how a search that finds nothing is answered in JSON, 200 with [] or 204
	MaxBody    Size   `yaml:"max_body"`    // of one STOW-RS request; 0: no bound
	Metadata   Size   `yaml:"metadata"`    // memory for metadata of STOW-RS being decoded, for all requests at once
	Documents  Size   `yaml:"documents"`   // memory for answers kept ready; 0: none
	Ready      Size   `yaml:"ready"`       // disk for metadata of series kept ready; 0: none
	Frames     Size   `yaml:"frames"`      // memory for frames that cost work to make; 0: none
	MaxResults int    `yaml:"max_results"` // rows of one search
	BulkURI    string `yaml:"bulk_uri"`    // absolute | relative: whether BulkDataURIs have scheme and host
}

// Forms of BulkDataURI (PS3.18 F.2.2).
const (
	BulkURIAbsolute = "absolute"
	BulkURIRelative = "relative"
)

// Answers to a search that finds nothing.
const (
	EmptyOK        = "ok"
	EmptyNoContent = "no_content"
)

func defaultDICOMweb() DICOMweb {
	return DICOMweb{Empty: EmptyOK, Metadata: 256 << 20, Documents: 64 << 20, Ready: 1 << 30, Frames: 64 << 20, MaxResults: 20_000, BulkURI: BulkURIAbsolute}
}

// checkDICOMweb refuses bounds that nothing would fit into.
func (c *Config) checkDICOMweb() error {
	w := &c.DICOMweb
	var errs []error
	if w.Empty != EmptyOK && w.Empty != EmptyNoContent {
		errs = append(errs, wrong("dicomweb.empty", "%q is neither %s nor %s", w.Empty, EmptyOK, EmptyNoContent))
	}
	if w.BulkURI != BulkURIAbsolute && w.BulkURI != BulkURIRelative {
		errs = append(errs, wrong("dicomweb.bulk_uri", "%q is neither %s nor %s", w.BulkURI, BulkURIAbsolute, BulkURIRelative))
	}
	for _, n := range []struct {
		key   string
		value Size
		least Size // 0 is always allowed but where there must be some
		must  bool
	}{
		{"max_body", w.MaxBody, 1 << 20, false},
		{"metadata", w.Metadata, 16 << 20, true},
		{"documents", w.Documents, 1 << 20, false},
		{"ready", w.Ready, 16 << 20, false},
		{"frames", w.Frames, 1 << 20, false},
	} {
		if n.value < n.least && (n.value != 0 || n.must) {
			errs = append(errs, wrong("dicomweb."+n.key, "at least %s%s", inMiB(n.least), map[bool]string{false: ", or 0"}[n.must]))
		}
	}
	if w.MaxResults < 1 || w.MaxResults > 1_000_000 {
		errs = append(errs, wrong("dicomweb.max_results", "1 to 1000000"))
	}
	return errors.Join(errs...)
}

func inMiB(s Size) string { return fmt.Sprintf("%dMiB", s>>20) }
