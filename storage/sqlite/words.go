package sqlite

import (
	"cmp"
	"slices"
	"strings"
)

// words are changes of patient_word, the words of folded names and the dates of birth, that wait for the commit that makes their
// patients visible: nobody but searches asks for them, whose rows lie all over the table. Each page that a group changes is copied
// first, for the group might be taken back; written together and in the table's order they change each page once.
//
// They are written before every COMMIT of the committer, so no index on disk lacks them. A search within a transaction calls
// writeWords first. They stay in memory until the commit: what was written, SQLite may take back with a later savepoint, and it does
// no harm to write it again, as the last change of a row tells all of what becomes of it. A name is short, see patient.FromPID, so
// they are less than what the messages of one transaction take.
type words struct {
	rows    []wordRow // since the transaction began
	written int       // of rows, and not taken back
	sorted  []wordRow // for writeWords
	args    []any
}

// wordRow says that a patient is found by a word from now on, or is not.
type wordRow struct {
	word    string
	patient int64
	n       int32 // place in words.rows
	gone    bool
}

func (r *wordRow) same(o *wordRow) bool { return r.patient == o.patient && r.word == o.word }

// wordRows is how many make a held transaction be committed, and are room that is kept for those to come.
const wordRows = 4096

// wordsAtOnce is how many words one statement takes: a statement costs more than a word.
const wordsAtOnce = 16

var insertWordsTexts = upToRows(wordsAtOnce, `INSERT OR IGNORE INTO patient_word (word, patient) VALUES `, `(?, ?)`)

// mark gives the state at a savepoint, or at the beginning of a transaction.
func (w *words) mark() int { return len(w.rows) }

// back forgets what came since the mark; SQLite has taken back all that was written since, also of what came before.
func (w *words) back(mark int) {
	clear(w.rows[mark:])
	w.rows, w.written = w.rows[:mark], 0
}

// committed forgets all: it is in the index.
func (w *words) committed() {
	w.back(0)
	if cap(w.rows) > wordRows {
		*w = words{}
	}
}

func (w *words) add(word string, key int64, gone bool) {
	w.rows = append(w.rows, wordRow{word, key, int32(len(w.rows)), gone})
}

// wordsOf gives what a patient is found by. A folded name may be a part of something large.
func wordsOf(folded, birth string) []string {
	words := strings.Fields(strings.Clone(folded))
	if birth != "" {
		words = append(words, birthWord(birth))
	}
	return words
}

// birthWord gives the word that stands for a date of birth: no word of a folded name, of which "=" is a delimiter, begins like it.
func birthWord(birth string) string { return "=" + birth }

// putWords makes a patient findable by words; it was found by those before.
func (tx *Tx) putWords(key int64, before, now []string) {
	for _, word := range before {
		if !slices.Contains(now, word) {
			tx.db.words.add(word, key, true)
		}
	}
	for _, word := range now {
		if !slices.Contains(before, word) {
			tx.db.words.add(word, key, false)
		}
	}
}

// writeWords writes the words that wait.
func (db *DB) writeWords() error {
	w := &db.words
	w.sorted = append(w.sorted[:0], w.rows[w.written:]...)
	defer clear(w.sorted)
	slices.SortFunc(w.sorted, func(a, b wordRow) int {
		return cmp.Or(strings.Compare(a.word, b.word), cmp.Compare(a.patient, b.patient), cmp.Compare(a.n, b.n))
	})
	w.args = w.args[:0]
	for i := range w.sorted {
		r := &w.sorted[i]
		if i+1 < len(w.sorted) && r.same(&w.sorted[i+1]) { // the last change counts
			continue
		}
		if r.gone {
			if _, err := db.writer.exec(`DELETE FROM patient_word WHERE word = ? AND patient = ?`, r.word, r.patient); err != nil {
				return err
			}
			continue
		}
		if w.args = append(w.args, r.word, r.patient); len(w.args) == 2*wordsAtOnce {
			if err := db.insertWords(); err != nil {
				return err
			}
		}
	}
	if err := db.insertWords(); err != nil {
		return err
	}
	w.written = len(w.rows)
	return nil
}

// insertWords writes the words in args.
func (db *DB) insertWords() error {
	w := &db.words
	if len(w.args) == 0 {
		return nil
	}
	_, err := db.writer.exec(insertWordsTexts[len(w.args)/2-1], w.args...)
	clear(w.args)
	w.args = w.args[:0]
	return err
}
