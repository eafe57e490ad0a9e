package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestDocumented: every key down to those of dicom, hl7, http and storage, and every flag and environment variable, stands in docs/operations.md.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	says := func(what string) {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(what) + "`").Match(page) {
			t.Errorf("docs/operations.md does not name %s", what)
		}
	}
	keys(reflect.TypeFor[Config](), "", says)
	flags := reflect.TypeFor[Flags]()
	for i := range flags.NumField() {
		f := flags.Field(i)
		says(f.Tag.Get("env"))
		name := f.Tag.Get("name")
		if name == "" {
			name = strings.ToLower(regexp.MustCompile("(.)([A-Z][a-z])").ReplaceAllString(f.Name, "$1-$2"))
		}
		says("--" + name)
	}
}

// keys tells of every key: of lists the fields too, without the list's name; of forward, routes, coerce, deidentify, worklist, lab and ups, which have pages of their own, only themselves.
func keys(s reflect.Type, above string, says func(string)) {
	for i := range s.NumField() {
		key := s.Field(i).Tag.Get("yaml")
		if above != "" {
			key = above + "." + key
		}
		switch of := s.Field(i).Type; {
		case key == "forward" || key == "coerce" || key == "deidentify" || key == "worklist" || key == "ups" || key == "routes" || key == "lab":
			says(key)
		case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct:
			says(key)
			fields(of.Elem(), says)
		case of == reflect.TypeFor[Verifier]():
			says(key)
			fields(of, says)
		case of.Kind() == reflect.Struct:
			keys(of, key, says)
		default:
			says(key)
		}
	}
}

func fields(s reflect.Type, says func(string)) {
	for i := range s.NumField() {
		says(s.Field(i).Tag.Get("yaml"))
	}
}
