package scp

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
)

// Who calls the AE title of a facility gets that facility's worklist, and none if it may not see it.
func TestWorklistScope(t *testing.T) {
	all := halong.Scope{Own: "BV1", All: true}
	for name, c := range map[string]struct {
		peer session
		want halong.Scope
	}{
		"common title":            {session{facility: "BV1", scope: all}, all},
		"title, sees all":         {session{facility: "BV1", title: "HALONG_BV1", scope: all}, halong.Scope{Own: "BV1"}},
		"title, sees two":         {session{facility: "BV2", title: "HALONG_BV2", scope: halong.Scope{Own: "BV1", Visible: []halong.Facility{"BV2"}}}, halong.Scope{Own: "BV2"}},
		"title of what is hidden": {session{facility: "BV2", title: "HALONG_BV2", scope: halong.Scope{Visible: []halong.Facility{"BV1"}}}, halong.Scope{}},
	} {
		if d := cmp.Diff(c.want, worklistScope(&c.peer)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
