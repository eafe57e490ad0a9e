package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/halong-gateway/halong"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one numbered step of the schema: migrations/0001_instances.sql.
type migration struct {
	version int
	name    string
	script  string
}

// migrations reads the steps from a folder, in the order of their numbers.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var all []migration
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || len(number) != 4 {
			return nil, fmt.Errorf("%s: the name must begin with four digits", name)
		}
		if n := len(all); n > 0 && all[n-1].version >= version {
			return nil, fmt.Errorf("%s: the number is taken", name)
		}
		script, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{version, path.Base(name), string(script)})
	}
	return all, nil
}

// ErrNewerSchema is in the chain of the error when a newer program has written the file.
var ErrNewerSchema = errors.New("the index was written by a newer version of halong; run that version, or reindex")

// migrate brings the schema up to date, each step in a transaction of its own.
func migrate(ctx context.Context, conn *sql.Conn, files fs.FS) error {
	const op = "sqlite.migrate"
	all, err := migrations(files)
	if err != nil {
		return halong.E(op, halong.Internal, "", err)
	}
	_, err = conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL)`)
	if err != nil {
		return fail(op, "", err)
	}
	applied, err := appliedVersions(ctx, conn)
	if err != nil {
		return fail(op, "", err)
	}
	var todo []migration
	for _, m := range all {
		if !applied[m.version] {
			todo = append(todo, m)
		}
		delete(applied, m.version)
	}
	for v := range applied {
		return halong.E(op, halong.Conflict, fmt.Sprintf("schema %04d", v), ErrNewerSchema)
	}
	for _, m := range todo {
		if err := m.apply(ctx, conn); err != nil {
			return fail(op, m.name, err)
		}
	}
	return nil
}

func appliedVersions(ctx context.Context, conn *sql.Conn) (map[int]bool, error) {
	rows, err := conn.QueryContext(ctx, `SELECT version FROM schema_version`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	applied := make(map[int]bool)
	for rows.Next() {
		var v int
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		applied[v] = true
	}
	return applied, rows.Err()
}

func (m migration) apply(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, m.script)
	if err == nil {
		_, err = conn.ExecContext(ctx, `INSERT INTO schema_version (version, name) VALUES (?, ?)`, m.version, m.name)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, rerr := conn.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, rerr)
	}
	return nil
}
