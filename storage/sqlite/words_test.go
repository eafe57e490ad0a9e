package sqlite_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage/sqlite"
)

// bornAs gives the date of birth in the tests of whoever has a name.
func bornAs(name string) string {
	if len(name)%3 == 0 {
		return ""
	}
	return fmt.Sprintf("%04d-01-02", 1900+len(name)%5)
}

// setName sets a patient's name and date of birth, and adds the patient if it is not there.
func setName(db *sqlite.DB, tx halong.Tx, id, name string) error {
	p, err := db.LookupPatient(tx, patient.Identity{Facility: halong.DefaultFacility, ID: id})
	if halong.KindOf(err) == halong.NotExist && err != nil {
		p = person(id)
		p.Name, p.Birth = name, bornAs(name)
		_, err = db.AddPatient(tx, p)
		return err
	}
	if err != nil {
		return err
	}
	p.Name, p.Birth = name, bornAs(name)
	return db.UpdatePatient(tx, p)
}

func call(db *sqlite.DB, id, name string) func(halong.Tx) error {
	return func(tx halong.Tx) error { return setName(db, tx, id, name) }
}

func identifiers(found patient.Found) (ids []string) {
	for _, p := range found.Patients {
		ids = append(ids, p.Identifiers[0].ID)
	}
	slices.Sort(ids)
	return ids
}

// bearing gives the identifiers of those who are found by a word.
func bearing(t testing.TB, db *sqlite.DB, word string) []string {
	t.Helper()
	found, err := db.FindPatients(context.Background(), halong.Everything(), patient.Query{Name: word, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return identifiers(found)
}

// namesIn compares the rows of the patients whose identifiers begin with a prefix, and their words, with names by identifier.
func namesIn(t testing.TB, db *sqlite.DB, prefix string, names map[string]string) (diff string) {
	t.Helper()
	got, want := map[string]string{}, map[string]string{}
	rows, err := db.Read().Query(context.Background(), `SELECT p.identifier, ifnull((SELECT group_concat(word, ' ') FROM (SELECT word FROM patient_word w
		WHERE w.patient = p.id ORDER BY word)), '') FROM patient p WHERE substr(p.identifier, 1, length(?1)) = ?1`, prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, words string
		if err := rows.Scan(&id, &words); err != nil {
			t.Fatal(err)
		}
		got[id] = words
	}
	for id, name := range names {
		words := strings.Fields(name)
		if birth := bornAs(name); birth != "" {
			words = append(words, "="+birth)
		}
		want[id] = strings.Join(slices.Compact(slices.Sorted(slices.Values(words))), " ")
	}
	return cmp.Diff(want, got)
}

// TestWordsHeld: who was acknowledged is found by the words of the name at once, also within a transaction, and by those of the latest name.
func TestWordsHeld(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	journaled(t, db, call(db, "1", "nguyen thi an"))
	journaled(t, db, call(db, "2", "nguyen van binh"))
	journaled(t, db, func(tx halong.Tx) error {
		if err := setName(db, tx, "3", "tran van an"); err != nil {
			return err
		}
		found, err := db.FindPatientsIn(tx, halong.Everything(), patient.Query{Facility: halong.DefaultFacility, Name: "an"})
		if diff := cmp.Diff([]string{"1", "3"}, identifiers(found)); diff != "" {
			t.Error(diff)
		}
		return err
	})
	journaled(t, db, call(db, "2", "le van cuc"))
	for word, want := range map[string][]string{"an": {"1", "3"}, "nguyen": {"1"}, "van": {"2", "3"}, "cuc": {"2"}, "binh": nil} {
		if diff := cmp.Diff(want, bearing(t, db, word)); diff != "" {
			t.Error(word, diff)
		}
	}
	if err := db.Update(t.Context(), call(db, "4", "pham an")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "3", "4"}, bearing(t, db, "an")); diff != "" {
		t.Error(diff)
	}
}

// wordy gives the i-th long name.
func wordy(i, words int) string {
	var b strings.Builder
	for k := range words / 2 {
		fmt.Fprintf(&b, "w%dn%d all%d ", i, k, k)
	}
	return b.String()
}

// TestWordsBound: many words are not held; those of others that wait are there although a large transaction fails.
func TestWordsBound(t *testing.T) {
	db := open(t, nil, sqlite.Options{})
	const each = 64 // words, half of them the person's own
	const people = sqlite.WordRows/each + 1
	for _, end := range []error{errOwn, nil} {
		journaled(t, db, call(db, "1", fmt.Sprint("nguyen an ", end)))
		err := db.UpdateJournaled(t.Context(), func(tx halong.Tx) error {
			for i := range people {
				if err := setName(db, tx, fmt.Sprint("many", i), wordy(i, each)); err != nil {
					return err
				}
			}
			if _, err := db.FindPatientsIn(tx, halong.Everything(), patient.Query{Name: "nguyen"}); err != nil { // writes them
				return err
			}
			return end
		})
		if err != end {
			t.Fatal(err)
		}
		if held, waiting := db.Held(), db.WordsWaiting(); end == nil && held+waiting > 0 {
			t.Errorf("%d callers are held, %d words wait", held, waiting)
		}
		if diff := cmp.Diff([]string{"1"}, bearing(t, db, "nguyen")); diff != "" {
			t.Error(diff)
		}
		if n := len(bearing(t, db, fmt.Sprint("w", people-1, "n0"))); n != 1 && end == nil || n != 0 && end != nil {
			t.Errorf("%d found after %v", n, end)
		}
	}
}

// TestWordsCrash: after a crash the index has words of nobody whom it lacks, and all of those whom it has; what its journal makes again is found too.
func TestWordsCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	all := map[string]string{}
	for i := range 30 {
		id := fmt.Sprint(i)
		all[id] = "nguyen van w" + id
		journaled(t, db, call(db, id, all[id]))
		if i == 9 {
			bearing(t, db, "van") // commits
		}
	}
	after := filepath.Join(t.TempDir(), "halong.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(after+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := openAt(t, after, nil, sqlite.Options{})
	there := map[string]string{}
	for id, name := range all {
		if added(t, again, id) {
			there[id] = name
		}
	}
	if len(there) < 10 {
		t.Errorf("%d of 10 that were committed", len(there))
	}
	if diff := namesIn(t, again, "", there); diff != "" {
		t.Error(diff)
	}
	for id, called := range all {
		journaled(t, again, call(again, id, called))
	}
	if diff := namesIn(t, again, "", all); diff != "" {
		t.Error(diff)
	}
}

// TestBirthsOfBefore: in an index of version 0199 patients are found by their dates of birth.
func TestBirthsOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	db := openAt(t, path, nil, sqlite.Options{})
	names := map[string]string{"1": "an", "2": "binh cuc", "3": "hai"} // nobody knows when the third was born
	for id, name := range names {
		journaled(t, db, call(db, id, name))
	}
	for _, text := range []string{
		`DELETE FROM patient_word WHERE substr(word, 1, 1) = '='`, `CREATE INDEX patient_birth ON patient (birth, id)`, `DELETE FROM schema_version WHERE version = 200`,
	} {
		bearing(t, db, "an") // commits
		change(t, db, text)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := namesIn(t, openAt(t, path, nil, sqlite.Options{}), "", names); diff != "" {
		t.Error(diff)
	}
}

// wordsCall is a caller of TestWordsModel.
type wordsCall struct {
	Names [][2]string // identifiers and what they are called from now on
	Parts [][2]string // likewise, in a part that fails
	Looks bool        // for them, within the transaction
	Full  bool        // not journaled
	Ends  string
	told  error
	saw   error // what it found wrong
}

func drawCall(rt *rapid.T, prefix string) *wordsCall {
	word := rapid.SampledFrom([]string{"an", "binh", "cuc", "dung", "e" + strings.Repeat("o", 200)})
	pair := rapid.Custom(func(rt *rapid.T) [2]string {
		return [2]string{
			fmt.Sprint(prefix, rapid.IntRange(0, 9).Draw(rt, "id")),
			strings.Join(rapid.SliceOfN(word, 0, 3).Draw(rt, "words"), " "),
		}
	})
	return &wordsCall{
		Names: rapid.SliceOfN(pair, 0, 4).Draw(rt, "names"), Parts: rapid.SliceOfN(pair, 0, 2).Draw(rt, "parts"),
		Looks: rapid.Bool().Draw(rt, "looks"), Full: rapid.IntRange(0, 9).Draw(rt, "full") == 0,
		Ends: rapid.SampledFrom([]string{"well", "well", "well", "well", "badly", "in panic"}).Draw(rt, "ends"),
	}
}

func (c *wordsCall) run(db *sqlite.DB, tx halong.Tx) error {
	mine := map[string]string{}
	for i, n := range c.Names {
		if err := setName(db, tx, n[0], n[1]); err != nil {
			return err
		}
		mine[n[0]] = n[1]
		if i == 1 && len(c.Parts) > 0 {
			if err := c.part(db, tx); err != nil {
				return err
			}
		}
	}
	if c.Looks {
		c.saw = c.look(db, tx, mine)
	}
	switch c.Ends {
	case "badly":
		return errOwn
	case "in panic":
		panic(c.Ends)
	}
	return nil
}

func (c *wordsCall) part(db *sqlite.DB, tx halong.Tx) error {
	db.Attempt(tx, func() error { // that it fails is what it is for
		for _, n := range c.Parts {
			if err := setName(db, tx, n[0], n[1]); err != nil {
				return err
			}
		}
		if c.Looks {
			if _, err := db.FindPatientsIn(tx, halong.Everything(), patient.Query{Facility: halong.DefaultFacility, Name: "an"}); err != nil {
				return err
			}
		}
		return errOwn
	})
	return nil
}

func (c *wordsCall) look(db *sqlite.DB, tx halong.Tx, mine map[string]string) error {
	for _, word := range []string{"an", "binh", "cuc"} {
		found, err := db.FindPatientsIn(tx, halong.Everything(), patient.Query{Facility: halong.DefaultFacility, Name: word, Limit: 1000})
		if err != nil {
			return nil // it is to be done again
		}
		ids := identifiers(found)
		for id, name := range mine {
			if has := slices.Contains(strings.Fields(name), word); has != slices.Contains(ids, id) {
				return fmt.Errorf("%s, called %q, is found by %q: %v", id, name, word, !has)
			}
		}
	}
	return nil
}

// runTogether runs calls in one group, in their order. With fail their sync fails.
func runTogether(db *sqlite.DB, l *log, calls []*wordsCall, fail bool) {
	var wg sync.WaitGroup
	started, enter := make(chan struct{}), make(chan struct{})
	wg.Go(func() { // holds the committer until all others wait
		db.UpdateJournaled(context.Background(), func(halong.Tx) error {
			close(started)
			<-enter
			return nil
		})
	})
	<-started
	for i, c := range calls {
		wg.Go(func() {
			update := db.UpdateJournaled
			if c.Full {
				update = db.Update
			}
			c.told = update(context.Background(), func(tx halong.Tx) error { return c.run(db, tx) })
		})
		for db.Waiting() <= i {
		}
	}
	l.fail.Store(fail)
	close(enter)
	wg.Wait()
	l.fail.Store(false)
}

// TestWordsModel: whatever is taken back, and however, everybody is found by the words of the latest name that was acknowledged.
func TestWordsModel(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, and one goroutine beside the committer: make unit runs it")
	}
	l := &log{}
	db := open(t, l, sqlite.Options{})
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		prefix := fmt.Sprint(run, ".")
		names := map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "groups") {
			var calls []*wordsCall
			for range rapid.IntRange(1, 4).Draw(rt, "callers") {
				calls = append(calls, drawCall(rt, prefix))
			}
			fail := rapid.IntRange(0, 5).Draw(rt, "sync") == 0
			runTogether(db, l, calls, fail)
			for _, c := range calls {
				if (c.told == nil) != (c.Ends == "well" && !fail) || c.saw != nil {
					rt.Fatal(c, c.told, c.saw)
				}
				if c.told == nil {
					maps.Insert(names, func(yield func(string, string) bool) {
						for _, n := range c.Names {
							yield(n[0], n[1])
						}
					})
				}
			}
			if rapid.IntRange(0, 3).Draw(rt, "read") > 0 {
				continue
			}
			if diff := namesIn(t, db, prefix, names); diff != "" {
				rt.Fatal(diff)
			}
		}
		if diff := namesIn(t, db, prefix, names); diff != "" {
			rt.Fatal(diff)
		}
		if db.Held() == 0 && db.WordsWaiting() > 0 {
			rt.Fatalf("%d words wait after the commit", db.WordsWaiting())
		}
	})
	var strays int
	if err := db.Read().QueryRow(t.Context(), `SELECT count(*) FROM patient_word w WHERE NOT EXISTS (SELECT 1 FROM patient p WHERE p.id = w.patient)`).
		Scan(&strays); err != nil || strays > 0 {
		t.Errorf("%d words of nobody, %v", strays, err)
	}
}
