package layers

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// ring numbers a circle of the house, innermost first.
type ring int

const (
	unknown ring = iota
	toolkits
	words
	services
	adapters
	edges
	wiring
)

var ringNames = [...]string{"unknown", "toolkits", "words", "services", "adapters", "edges", "wiring"}

func (r ring) String() string { return ringNames[r] }

// rings says where a package lives: the longest prefix wins. "." is the root package.
var rings = map[string]ring{
	".":                   words,
	"dicom":               toolkits,
	"hl7v2":               toolkits,
	"dicomweb/multipart":  toolkits,
	"dicomweb/client":     toolkits,
	"internal/fold":       toolkits,
	"internal/sample":     toolkits,
	"internal/corpus":     toolkits,
	"internal/layers":     toolkits,
	"storage":             services,
	"worklist":            services,
	"lab":                 services,
	"patient":             services,
	"internal/forward":    services,
	"internal/access":     services,
	"internal/audit":      services,
	"storage/disk":        adapters,
	"storage/derived":     adapters,
	"storage/s3":          adapters,
	"storage/sqlite":      adapters,
	"storage/postgres":    adapters,
	"storage/storagetest": adapters,
	"dicomweb":            edges,
	"fhir":                edges,
	"web":                 edges,
	"internal/scp":        edges,
	"internal/scu":        edges,
	"internal/intake":     edges,
	"internal/transfer":   edges,
	"internal/app":        wiring,
	"cmd":                 wiring,
	"conformance":         wiring,
}

// shared are toolkits that every other toolkit may use.
var shared = []string{"internal/fold", "dicomweb/multipart"}

// home finds the entry of rings a package belongs to.
func home(pkg string) (string, ring) {
	for p := pkg; p != "."; p = path.Dir(p) {
		if r, ok := rings[p]; ok {
			return p, r
		}
	}
	if pkg == "." {
		return pkg, words
	}
	return "", unknown
}

// family gives what a package may freely import within its ring: its own
// subtree. All of hl7v2 is one family, all of dicom another.
func family(pkg string) string {
	h, _ := home(pkg)
	return h
}

// mayImport says why importer may not import imported (both relative to the
// module); "" when it may.
func mayImport(importer, imported string) string {
	_, from := home(importer)
	_, to := home(imported)
	switch {
	case from == unknown:
		return importer + " has no ring: give it one in internal/layers"
	case to == unknown:
		return imported + " has no ring: give it one in internal/layers"
	case support(imported) && !support(importer):
		return importer + " imports " + imported + ", which is for tests"
	case from == wiring:
		return ""
	case to > from:
		return fmt.Sprintf("%s (%s) imports outward: %s (%s)", importer, from, imported, to)
	case from == edges && to == adapters:
		return fmt.Sprintf("%s is an edge and touches the adapter %s", importer, imported)
	case to == from && family(importer) != family(imported) && !slices.Contains(shared, imported) && !sampleUses(importer) && !clientUses(importer, imported):
		return fmt.Sprintf("%s imports its sibling %s (%s)", importer, imported, from)
	}
	return ""
}

// sampleUses: the demo's objects are made with the toolkits beside it.
func sampleUses(importer string) bool { return importer == "internal/sample" }

// clientUses: the DICOMweb client gives objects in the words of the DICOM toolkit.
func clientUses(importer, imported string) bool {
	return family(importer) == "dicomweb/client" && family(imported) == "dicom"
}

// dependencies says where an outside module, or a part of the standard library, may be imported outside
// tests. What is not listed here may not be imported from outside at all.
var dependencies = map[string][]string{
	"github.com/alecthomas/kong":          {"cmd", "internal/app"},
	"github.com/goccy/go-yaml":            {"internal/app"},
	"github.com/schollz/progressbar":      {"cmd"},
	"github.com/labstack/echo":            {"dicomweb", "fhir", "web", "internal/app", "internal/intake"},
	"github.com/prometheus/client_golang": {"internal/app"},
	"github.com/klauspost/compress":       {"storage", "dicomweb", "dicom/dataset", "internal/app"},
	"github.com/cespare/xxhash":           {"storage", "dicomweb"},
	"golang.org/x/text":                   {"dicom", "hl7v2", "internal/fold", "patient", "lab", "storage"},
	"golang.org/x/sync":                   {"internal/intake"},
	"golang.org/x/sys":                    {"storage/disk", "internal/app"},
	"github.com/coder/websocket":          {"dicomweb", "dicomweb/client"},
	"modernc.org/sqlite":                  {"storage/sqlite"},
	"github.com/suyashkumar/dicom":        {"dicom/internal", "internal/dictgen"},
	// The standard library's own that mark a ring.
	"database/sql": {"storage/sqlite", "storage/postgres"},
	"net/http":     {"dicomweb", "hl7v2/hl7http", "fhir", "web", "internal/app", "internal/intake", "cmd", "conformance"},
	"os/exec":      {"conformance"},
	"log":          {},
	"unsafe":       {"storage/disk"},
	"math/rand":    {},
	"math/rand/v2": {"internal/sample", "internal/app", "cmd"},
}

// support tells whether a package is there for tests alone, by its name, as net/http/httptest is.
func support(pkg string) bool { return strings.HasSuffix(pkg, "test") || pkg == "internal/corpus" }

// mayDepend says why importer may not import an outside path; "" when it may.
func mayDepend(importer, imported string) string {
	outside := strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
	for p := imported; p != "."; p = path.Dir(p) {
		where, ok := dependencies[p]
		if !ok && outside { // a module's entry covers all its packages
			continue
		}
		if !ok {
			break
		}
		for _, w := range where {
			if importer == w || strings.HasPrefix(importer, w+"/") {
				return ""
			}
		}
		return fmt.Sprintf("%s imports %s, which has its place in %v", importer, imported, where)
	}
	if outside {
		return fmt.Sprintf("%s imports %s, which has no place in internal/layers", importer, imported)
	}
	return ""
}

// banned are calls that no code outside cmd makes, and why.
var banned = map[string]string{
	"os.Exit":     "the program's end is cmd's to decide",
	"fmt.Print":   "write to an io.Writer or to slog",
	"fmt.Printf":  "write to an io.Writer or to slog",
	"fmt.Println": "write to an io.Writer or to slog",
	"panic":       "bad input gives an error; a bug is better an error too",
	"print":       "write to slog",
	"println":     "write to slog",
}
