package app

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong/internal/app/config"
)

var updatePages = flag.Bool("update", false, "write docs/conformance-dicom.md")

// TestConformanceStatementIsCurrent: the committed page is what the default configuration serves and asks for.
func TestConformanceStatementIsCurrent(t *testing.T) {
	const page = "../../docs/conformance-dicom.md"
	var now bytes.Buffer
	if err := Conformance(&now, config.Default()); err != nil {
		t.Fatal(err)
	}
	if *updatePages {
		if err := os.WriteFile(page, now.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), now.String()); d != "" {
		t.Errorf("docs/conformance-dicom.md is not current (make pages): -page +now:\n%s", d)
	}
}

// TestConformanceFollowsConfiguration: what is configured is what is stated.
func TestConformanceFollowsConfiguration(t *testing.T) {
	c := config.Default()
	c.AE, c.DICOM.UnknownSOPClasses, c.DICOM.MaxAssociations, c.DICOM.AsyncOperations = "BV1PACS", "reject", 7, 3
	var b bytes.Buffer
	if err := Conformance(&b, c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ours is BV1PACS at port 11112", "SOP Classes that PS3.6 does not list are refused", "| 7, from one address 64", "granted up to 3 (",
		"| Storage: private SOP Classes, and those of later editions of the standard | no | no |",
	} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("not stated: %s", want)
		}
	}
}
