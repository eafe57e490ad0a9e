package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
	"github.com/halong-gateway/halong/dicom/query"
	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// TestNamesByBeginning: whichever way studies are read by the beginning of a name, they are those that match, in the
// order of answers, page after page.
func TestNamesByBeginning(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, and one goroutine: make unit runs it")
	}
	db := open(t, nil, sqlite.Options{})
	names := []string{
		"HỒ^AN", "HOÀNG^BÌNH", "HỒNG^CHI", "HOA^LAN", "HOÀI^THU", "Ho", "NGUYỄN^VĂN^AN", "NGUYỄN^VĂN^BA", "NGUYỄN^THỊ^HOA", "NGUYENTRAN^X", "", "=王^小東=わん^ホー",
		"WANG^XIAODONG=王^小東", "NGÔ=HO^GROUP", "a", "Å", "ho^ ho", "O'HARA^J", "LÝ^\U0001F600", "HO=HO", "HẠNH", "HÂN", "HIẾU", "HẰNG", "HẢI", "HÙNG^D", "^HO", "HO\u00a0AN^X", "(HO)^Y", "HO^^^DR",
	}
	add := func(f halong.Facility, from, to int) {
		t.Helper()
		if err := db.Update(context.Background(), func(tx halong.Tx) error {
			for i := from; i < to; i++ {
				o := object(i, 1, 1)
				if o.Facility, o.Name = f, names[i*7%len(names)]; i%3 == 0 {
					o.Name = fmt.Sprint("NGUYỄN^VĂN^", i%10)
				}
				o.Date = []string{"20240105", "", "20240101", "20240103"}[i%4]
				if _, err := db.AddInstance(tx, o.Instance(), storage.ServeFirst); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(q storage.Query) (rows []storage.Row) {
		t.Helper()
		for row, err := range db.Find(context.Background(), halong.Everything(), q) {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		return rows
	}
	uids := func(rows []storage.Row) (list []string) {
		for _, r := range rows {
			list = append(list, string(r.Study))
		}
		return list
	}
	var all []storage.Row
	check := func(t *testing.T, pattern string) {
		t.Helper()
		q := storage.Query{Level: storage.LevelStudy, Keys: []query.Key{{Path: []dicom.Tag{tag.PatientName}, VR: dicom.PN, Values: []string{pattern}}}}
		var want []string
		for _, r := range all {
			if query.MatchAll(q.Keys, r.Attributes) {
				want = append(want, string(r.Study))
			}
		}
		if diff := cmp.Diff(want, uids(find(q))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", pattern, diff)
		}
		var byOffset, byPosition []string
		for q.Limit = 3 + len(all)/10; ; q.Offset += q.Limit {
			rows := find(q)
			if byOffset = append(byOffset, uids(rows)...); len(rows) < q.Limit {
				break
			}
		}
		for q.Offset = 0; ; {
			rows := find(q)
			if byPosition = append(byPosition, uids(rows)...); len(rows) < q.Limit {
				break
			}
			q.After = &rows[len(rows)-1].Position
		}
		if diff := cmp.Diff(want, byOffset) + cmp.Diff(want, byPosition); diff != "" {
			t.Errorf("%q in pages (-want +got):\n%s", pattern, diff)
		}
	}
	patterns := strings.Fields("HO* HOA* HOAN* ho* HOÀNG* h* NGUYỄN* NGUYEN^* NGUYỄN^VĂN* NGUYEN^VAN^A* NGUY* N* 王* わ* =王* Ho HO^?N a* Å* O'HARA* x* LÝ* \U0001F600* HO=* *HO HO HO^ HO^* 王^小東 WANG^XIAODONG NGUYỄN^VĂN NGUYỄN^VĂN^3 NGUYỄN (HO)^Y x")
	for _, n := range []int{0, 60, 700} { // so few that they are sorted, and so many that they are not
		add("BV1", 0, n)
		all = find(storage.Query{Level: storage.LevelStudy})
		for _, p := range patterns {
			t.Run(fmt.Sprint(n, " ", p), func(t *testing.T) { check(t, p) })
		}
	}
	ho := storage.Query{Level: storage.LevelStudy, Limit: 25, Keys: []query.Key{{Path: []dicom.Tag{tag.PatientName}, VR: dicom.PN, Values: []string{"HOA*"}}}}
	plans, err := db.Plans(func() error { return db.Searched(halong.Everything(), ho) })
	if err != nil {
		t.Fatal(err)
	}
	if last := plans[len(plans)-1]; !strings.HasPrefix(last, "MERGE (UNION ALL)") || strings.Contains(last, "TEMP B-TREE") {
		t.Errorf("studies of several first words are not merged: %s", last)
	}
	add("BV2", 30, 90)
	all = find(storage.Query{Level: storage.LevelStudy})
	for _, p := range patterns {
		t.Run("merged "+p, func(t *testing.T) { check(t, p) })
	}
}
