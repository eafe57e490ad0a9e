package transfer

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/storage"
)

// Result says what became of a file.
type Result string

// The results. All but Quarantined, Missing and Failed are as they should be.
const (
	Stored      Result = "stored"
	Duplicate   Result = "duplicate"   // the same bytes were there
	Version     Result = "version"     // a further version of a known SOP Instance
	Quarantined Result = "quarantined" // kept, with the reason
	Directory   Result = "directory"   // a DICOMDIR: followed, not stored
	Skipped     Result = "skipped"     // not DICOM
	Missing     Result = "missing"     // named by a DICOMDIR, but not there
	Failed      Result = "failed"      // not stored
)

// Note tells what became of one file.
type Note struct {
	Name   string // of the file, for the operator's eyes: it is neither logged nor stored
	Result Result
	Err    error // the reason; nil where there is nothing to say
}

// String is the note as a line for a terminal: what a name, also one in a zip file,
// could do to the terminal is escaped.
func (n Note) String() string {
	s := n.Name + ": " + string(n.Result)
	if n.Err != nil {
		s += ": " + n.Err.Error()
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		q := strconv.Quote(s)
		s = q[1 : len(q)-1]
	}
	return s
}

// Summary counts results.
type Summary map[Result]int

// Complete tells whether every file is where it should be, and findable.
func (s Summary) Complete() bool { return s[Quarantined]+s[Missing]+s[Failed] == 0 }

// Storer is what import needs of the archive.
type Storer interface {
	Store(ctx context.Context, in storage.Inbound) (storage.Receipt, error)
}

// Import stores files.
type Import struct {
	Archive  Storer
	Facility halong.Facility
	Workers  int                       // files at once; 0: 4
	Found    func(files, bytes int64)  // more work was found; may be nil
	Done     func(n Note, bytes int64) // one file is done; may be nil; never called concurrently
}

// Run stores every object in folders, zip files, DICOM media and single files. It
// goes on after files that fail, except when disk or memory is exhausted or ctx
// ends; the error then says so.
func (im *Import) Run(ctx context.Context, paths []string) (Summary, error) {
	run := importRun{Import: im, sum: Summary{}}
	for _, p := range paths {
		vs, err := volumes(p)
		if err != nil {
			run.done(Note{p, Failed, err}, 0)
			for _, v := range vs {
				if v != nil {
					err = errors.Join(err, v.closeAll())
				}
			}
			continue
		}
		for i, v := range vs {
			if err := run.volume(ctx, v); err != nil {
				for _, rest := range vs[i+1:] {
					err = errors.Join(err, rest.closeAll())
				}
				return run.sum, err
			}
		}
	}
	return run.sum, ctx.Err()
}

type importRun struct {
	*Import
	mu  sync.Mutex
	sum Summary
}

func (r *importRun) done(n Note, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum[n.Result]++
	if r.Done != nil {
		r.Done(n, bytes)
	}
}

// volume stores the files of one volume, with several workers.
func (r *importRun) volume(ctx context.Context, v *volume) (err error) {
	defer func() { err = errors.Join(err, v.closeAll()) }()
	v.files = slices.DeleteFunc(v.files, func(f file) bool { return r.directory(v, f) })
	for _, n := range v.notes {
		r.done(n, 0)
	}
	var bytes int64
	for i := range v.files {
		bytes += v.files[i].size
	}
	if r.Found != nil {
		r.Found(int64(len(v.files)), bytes)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := make(chan *file)
	var wg sync.WaitGroup
	for range cmp.Or(max(r.Workers, 0), 4) {
		wg.Go(func() {
			for f := range work {
				r.file(ctx, f, stop)
			}
		})
	}
	for i := range v.files {
		select {
		case work <- &v.files[i]:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(work)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// directory follows f if it is a DICOMDIR by name and content. One under
// another name is found when its turn comes.
func (r *importRun) directory(v *volume, f file) bool {
	if !strings.HasPrefix(path.Base(f.media), "DICOMDIR") {
		return false
	}
	p, _, err := f.peek()
	if err != nil {
		return false // storing it will tell
	}
	is := isDirectory(p)
	if err := p.Close(); err != nil || !is {
		return false
	}
	v.follow(f)
	return true
}

// file stores one file.
func (r *importRun) file(ctx context.Context, f *file, stop context.CancelCauseFunc) {
	p, head, err := f.peek()
	if err != nil {
		r.done(Note{f.name, Failed, err}, f.size)
		return
	}
	if !f.worth(head) {
		r.done(Note{f.name, Skipped, errors.Join(errors.New("not DICOM"), p.Close())}, f.size)
		return
	}
	if isDirectory(p) {
		r.done(Note{f.name, Directory, errors.Join(errors.New("not named DICOMDIR, not followed"), p.Close())}, f.size)
		return
	}
	receipt, err := r.Archive.Store(ctx, storage.Inbound{
		Facility: r.Facility, Source: halong.Source{Protocol: "import"},
		Part10: true, Body: p,
	})
	if cerr := p.Close(); err == nil {
		err = cerr
	}
	n := Note{Name: f.name, Result: results[receipt.Outcome], Err: err}
	if err != nil && receipt.Outcome != storage.Quarantined || n.Result == "" {
		n.Result = Failed
	}
	if k := halong.KindOf(err); err != nil && (k == halong.Exhausted || ctx.Err() != nil) {
		stop(err)
	}
	r.done(n, f.size)
}

var results = map[storage.Outcome]Result{
	storage.Stored: Stored, storage.Duplicate: Duplicate, storage.Version: Version, storage.Quarantined: Quarantined,
}
