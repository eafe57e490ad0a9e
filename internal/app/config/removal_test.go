package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/internal/access"
	"github.com/halong-gateway/halong/storage"
)

func TestRejections(t *testing.T) {
	c := Default()
	rules, err := c.RejectionRules()
	if diff := cmp.Diff(storage.DefaultRejections(), rules); diff != "" || err != nil {
		t.Error(diff, err)
	}
	c.Storage.Rejections = []Rejection{
		{Code: "113001", Hide: "nothing", PurgeAfter: Duration(time.Hour)},
		{Code: "113037", Hide: "note-too", Again: "refused"},
	}
	want := storage.DefaultRejections()
	want["113001"] = storage.RejectionRule{Hide: storage.HideNothing, Again: storage.AgainHidden}
	want["113037"] = storage.RejectionRule{Hide: storage.HideNoteToo, Again: storage.AgainRefused}
	rules, err = c.RejectionRules()
	if diff := cmp.Diff(want, rules); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, x := range []struct {
		removal storage.Removal
		want    time.Duration
	}{
		{storage.Removal{Kind: storage.Deleted, Code: "113001"}, 720 * time.Hour},
		{storage.Removal{Kind: storage.Rejected, Code: "113001"}, time.Hour},
		{storage.Removal{Kind: storage.Rejected, Code: "113037"}, 0},
	} {
		if got := c.PurgeAfter(&x.removal); got != x.want {
			t.Errorf("%+v is purged after %v", x.removal, got)
		}
	}
	c.HTTP.Tokens = []Token{{SHA256: strings.Repeat("0", 64), Purge: true}}
	c.Storage.Rejections = []Rejection{{Code: "113000"}, {Code: "113001", Hide: "all"}, {Code: "113001", Again: "never"}}
	err = c.Check()
	for _, key := range []string{"storage.rejections[0].code", "storage.rejections[1].hide", "storage.rejections[2].again", "http.tokens[0].purge"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is taken: %v", key, err)
		}
	}
}

// TestRights: nobody may delete who is not said to, whatever else is granted.
func TestRights(t *testing.T) {
	c := Default()
	sum := strings.Repeat("0", 64)
	c.HTTP.Tokens = []Token{{SHA256: sum}, {SHA256: sum, Facility: "BV1", Delete: true, Purge: true}}
	tokens, err := c.Tokens()
	if err != nil {
		t.Fatal(err)
	}
	got := []access.Rights{tokens[0].Principal.Rights, tokens[1].Principal.Rights}
	c.HTTP.TLS.Clients = []Client{{Name: "a", Facility: "BV1"}, {Name: "b", Facility: "BV1", Facilities: []halong.Facility{"BV2"}, Delete: true}}
	for _, name := range []string{"a", "b"} {
		p, _ := c.ClientPrincipal([]string{name})
		got = append(got, p.Rights)
	}
	c.HTTP.TLS.Clients = nil
	p, _ := c.ClientPrincipal([]string{"any"})
	got = append(got, p.Rights)
	want := []access.Rights{{}, {Delete: true, Purge: true}, {}, {Delete: true}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	b := access.Grant("b", "BV1", []halong.Facility{"BV2"}, "default")
	b.Rights.Delete = true
	if !b.Deletes("") || !b.Deletes("BV1") || b.Deletes("BV2") {
		t.Error("a right reaches into a facility that is only seen, or not into its own")
	}
}
