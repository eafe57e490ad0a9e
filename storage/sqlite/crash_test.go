package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/sqlite"
)

const crashPath = "HALONG_SQLITE_CRASH"

// TestMain turns the test binary into the program that TestCrash kills.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeForever stores instances from several callers and writes the number of each that is acknowledged.
func writeForever(path string) error {
	first, err := strconv.Atoi(os.Getenv(crashPath + "_FIRST"))
	if err != nil {
		return err
	}
	db, err := sqlite.Open(context.Background(), path, nil, sqlite.Options{WAL: 64 << 10})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := first + c; ; i += 4 {
				if err := db.Update(context.Background(), store(db, nil, i)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(i)
			}
		})
	}
	wg.Wait()
	return nil
}

// TestCrash kills a writing program again and again. What it had been told was
// stored is there, counts are right, and the chain of events holds.
func TestCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "halong.db")
	const step = 100_000
	var acknowledged []int
	for round := range 4 {
		acknowledged = append(acknowledged, crash(t, path, round*step, time.Duration(20+60*round)*time.Millisecond)...)
		db := openAt(t, path, nil, sqlite.Options{})
		for _, i := range acknowledged {
			if !has(t, db, i) {
				t.Fatalf("round %d: instance %d was acknowledged and is not there", round, i)
			}
		}
		if err := db.VerifyEvents(context.Background()); err != nil {
			t.Fatal(err)
		}
		checkStored(t, db)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged instances", len(acknowledged))
}

// crash starts the program, kills it a while after its first answer, and gives what it acknowledged.
func crash(t *testing.T, path string, first int, after time.Duration) (acknowledged []int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashPath+"="+path, crashPath+"_FIRST="+strconv.Itoa(first))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		if i, err := strconv.Atoi(lines.Text()); err == nil {
			acknowledged = append(acknowledged, i)
		}
	}
	if err := cmd.Wait(); err == nil || kill == nil {
		t.Fatalf("the program ended by itself: %v", err)
	}
	return acknowledged
}

// checkStored compares the counts in the rows with the rows below.
func checkStored(t *testing.T, db *sqlite.DB) {
	t.Helper()
	n, events := 0, 0
	for _, err := range db.Instances(context.Background(), halong.Everything(), storage.Ref{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	var study, series int
	if err := db.Read().QueryRow(context.Background(), `SELECT (SELECT total(instances) FROM study), (SELECT total(instances) FROM series), (SELECT count(*) FROM event)`).Scan(&study, &series, &events); err != nil {
		t.Fatal(err)
	}
	if n != study || n != series || n != events {
		t.Fatalf("%d instances, but %d by studies, %d by series and %d events", n, study, series, events)
	}
}
