// Package sqlite keeps the rows of every service in one SQLite file
// (modernc.org/sqlite, no cgo). It implements storage.Index and the stores that
// the other services declare.
//
// One connection writes. Its committer runs what queued up during the previous
// commit as one transaction, each caller's part in a SAVEPOINT, makes the
// journal durable (storage.Log), commits, and answers everybody. Readers have a
// pool of their own; write-ahead logging lets them go on meanwhile.
//
// Files of this package reach rows through *Tx inside a transaction and through
// *Reader outside of one. Schema changes are numbered SQL files in migrations.
package sqlite
