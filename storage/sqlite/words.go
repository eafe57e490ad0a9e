package sqlite

import (
	"cmp"
	"slices"
	"strings"
)

// words are rows of patient_word that wait for the commit that makes their patients visible: nobody but readers asks for them, whose
// rows lie all over the table. Each page that a group changes is copied first, for the group might be taken back; written together
// and in the table's order they change each page once.
//
// They are written before every COMMIT of the committer, so no index on disk lacks them. Whoever needs them within a transaction
// calls write first. Their going to and fro with savepoints is that of marks.
type words struct {
	rows    []wordRow
	written int       // of rows, in the open transaction
	keep    int       // rows before it may be wanted again once they are written: what was written may be taken back without them
	sorted  []wordRow // for write
	args    []any
}

type wordRow struct {
	word    string
	patient int64
}

// wordMark is the state at a savepoint.
type wordMark struct{ rows, written, keep int }

// Bounds of what waits: of rows, and of the bytes of each.
const (
	wordRows  = 4096
	wordBytes = 128
)

// wordsAtOnce is how many words one statement takes: a statement costs more than a word.
const wordsAtOnce = 16

const (
	insertWords = `INSERT OR IGNORE INTO patient_word (word, patient) VALUES (?, ?)`
	moreWords   = `, (?, ?)`
)

// insertWordsTexts are the statements for 1, 2, 3 … words.
var insertWordsTexts = func() (texts [wordsAtOnce]string) {
	for i := range texts {
		texts[i] = insertWords + strings.Repeat(moreWords, i)
	}
	return texts
}()

// mark comes with a savepoint, or with the beginning of a transaction.
func (w *words) mark() wordMark {
	m := wordMark{len(w.rows), w.written, w.keep}
	w.keep = len(w.rows)
	return m
}

// release keeps what came since the mark. A mark is released or gone back to once, the latest first; those after one that was gone
// back to are void.
func (w *words) release(m wordMark) {
	w.keep = m.keep
	w.drop()
}

// back forgets what came since the mark, and that rows were written since: SQLite has taken them back.
func (w *words) back(m wordMark) {
	clear(w.rows[m.rows:])
	w.rows, w.written, w.keep = w.rows[:m.rows], m.written, m.keep
}

// drop lets go of rows that were written and will not be wanted again.
func (w *words) drop() {
	if w.written > w.keep {
		w.rows = slices.Delete(w.rows, w.keep, w.written)
		w.written = w.keep
	}
}

// putWords makes a patient findable by the words of its name; it was found by those of the name before.
func (tx *Tx) putWords(key int64, before, now string) error {
	if before == now {
		return nil
	}
	if before != "" { // its words may wait
		if err := tx.db.writeWords(); err != nil {
			return err
		}
	}
	for _, word := range strings.Fields(before) {
		if _, err := tx.Exec(`DELETE FROM patient_word WHERE word = ? AND patient = ?`, word, key); err != nil {
			return err
		}
	}
	w := &tx.db.words
	for _, word := range strings.Fields(strings.Clone(now)) { // it may be a part of something large
		w.rows = append(w.rows, wordRow{word, key})
		if len(word) > wordBytes || len(w.rows)-w.written >= wordRows {
			if err := tx.db.writeWords(); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeWords writes the words that wait. Some may be there already: of a name that has one twice, or of a write that failed half way.
func (db *DB) writeWords() error {
	w := &db.words
	w.sorted = append(w.sorted[:0], w.rows[w.written:]...)
	defer clear(w.sorted)
	slices.SortFunc(w.sorted, func(a, b wordRow) int {
		return cmp.Or(strings.Compare(a.word, b.word), cmp.Compare(a.patient, b.patient))
	})
	for rows := range slices.Chunk(w.sorted, wordsAtOnce) {
		w.args = w.args[:0]
		for _, r := range rows {
			w.args = append(w.args, r.word, r.patient)
		}
		_, err := db.writer.exec(insertWordsTexts[len(rows)-1], w.args...)
		clear(w.args)
		if err != nil {
			return err
		}
	}
	w.written = len(w.rows)
	w.drop()
	return nil
}
