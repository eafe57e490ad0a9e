package scp

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/tag"
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

// A modality that knows only ASCII gets of a name in several component groups what it can read.
func TestPlainNames(t *testing.T) {
	for in, want := range map[string]string{
		"Nguyễn^Đức^Văn":            "Nguyen^Duc^Van",
		"YAMADA^TARO=山田^太郎=ヤマダ^タロウ": "YAMADA^TARO",
		"Buc^Jerome=Bùc^Jérôme":     "Buc^Jerome=Buc^Jerome",
		"山田^太郎":                     "??^??",
		`A^B=山田\Trần^C`:             `A^B\Tran^C`,
	} {
		if got := plainNames(in); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

// A slide scanner asks for specimens within the step (PS3.4 table K.6-1): they are known, though only imported items have them.
func TestStepKeys(t *testing.T) {
	for _, path := range [][]dicom.Tag{
		{tag.ScheduledProcedureStepSequence, tag.ScheduledSpecimenSequence, tag.ContainerIdentifier},
		{tag.ScheduledProcedureStepSequence, tag.ScheduledProtocolCodeSequence, tag.CodeValue},
		{tag.ScheduledProcedureStepSequence, tag.CommentsOnTheScheduledProcedureStep},
	} {
		if !supportsPath(path) {
			t.Errorf("%v is not known", path)
		}
	}
}
