package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
	"github.com/halong-gateway/halong/storage"
)

// Source is what export needs of the archive.
type Source interface {
	Instances(ctx context.Context, scope halong.Scope, ref storage.Ref) iter.Seq2[*storage.Instance, error]
	Open(ctx context.Context, in *storage.Instance) (*storage.Object, error)
	QuarantineList(ctx context.Context, scope halong.Scope) iter.Seq2[*storage.QuarantineEntry, error]
	OpenQuarantined(ctx context.Context, e *storage.QuarantineEntry) (*storage.Object, error)
}

// Export writes stored objects as files. What cannot be read is reported and
// the rest is written all the same.
type Export struct {
	Archive    Source
	Scope      halong.Scope
	Out        string                                    // folder; made if it is not there
	AsReceived bool                                      // the very bytes that came, else a Part 10 file with a new header
	AE         string                                    // Source Application Entity Title of new headers
	Edit       storage.Edit                              // what is changed of data sets on their way out, see edited; nil: nothing
	Done       func(name string, bytes int64, err error) // one file is done; may be nil
}

// Instances writes what ref names to OUT/facility/study/series/instance.dcm. It tells how
// many files were written; the error joins what went wrong.
func (x *Export) Instances(ctx context.Context, ref storage.Ref) (int, error) {
	n, failures := 0, 0
	for in, err := range x.Archive.Instances(ctx, x.Scope, ref) {
		if err != nil {
			return n, err
		}
		name, size, err := x.one(ctx, in, n+failures, !ref.AllVersions)
		if x.Done != nil {
			x.Done(name, size, err)
		}
		if err != nil {
			if failures++; halong.KindOf(err) == halong.Exhausted || ctx.Err() != nil {
				return n, err
			}
			continue
		}
		n++
	}
	return n, failed(failures)
}

// one writes one instance; i is how many came before, alone tells that no other version of it is exported.
func (x *Export) one(ctx context.Context, in *storage.Instance, i int, alone bool) (name string, size int64, err error) {
	if x.Edit != nil {
		return x.edited(ctx, in, i)
	}
	from := in
	if x.AsReceived && alone {
		if from, err = x.received(ctx, in); err != nil {
			return x.name(in, in), 0, err
		}
	}
	name = x.name(in, from)
	size, err = x.instance(ctx, from, filepath.Join(x.Out, name))
	return name, size, err
}

// received gives what was received of a served instance: the version kept beside it if it was coerced.
func (x *Export) received(ctx context.Context, in *storage.Instance) (*storage.Instance, error) {
	ref := storage.Ref{Study: in.Study, Series: in.Series, SOP: in.SOP, Facility: in.Facility, AllVersions: true}
	for v, err := range x.Archive.Instances(ctx, x.Scope, ref) {
		if err != nil {
			return nil, err
		}
		if v.Kept && v.Seq == in.Seq {
			return v, nil
		}
	}
	return in, nil
}

func failed(n int) error {
	if n == 0 {
		return nil
	}
	return halong.E("transfer.Export", halong.Corrupt, "", fmt.Errorf("%d objects could not be written", n))
}

// name makes a file name of UIDs, or of the digest where they are not valid: studies and
// series without a folder of their own may hold the same SOP Instance UID. The bytes are those of from.
func (x *Export) name(in, from *storage.Instance) string {
	digest := in.Digest.String()[len("sha256:"):]
	sop := string(in.SOP)
	if !in.SOP.Valid() || !in.Series.Valid() || !in.Study.Valid() {
		sop = digest
	}
	if !in.Served {
		sop += fmt.Sprintf(".v%d-%s", in.Version, digest[:16])
	}
	extension := ".dcm"
	if x.AsReceived && from.Envelope.Length == 0 {
		extension = ".dataset" // nothing was around it when it came
	}
	study, series := "study", "series"
	if in.Study.Valid() {
		study = string(in.Study)
	}
	if in.Series.Valid() {
		series = string(in.Series)
	}
	return filepath.Join(folder(in.Facility), study, series, sop+extension)
}

// folder gives a facility's folder. Configuration refuses names that could
// lead elsewhere; an index made by another hand may not have.
func folder(f halong.Facility) string {
	if name := string(f); filepath.IsLocal(name) && filepath.Base(name) == name {
		return name
	}
	return "facility"
}

func (x *Export) instance(ctx context.Context, in *storage.Instance, name string) (int64, error) {
	o, err := x.Archive.Open(ctx, in)
	if err != nil {
		return 0, err
	}
	n, err := write(name, func(w io.Writer) error {
		if x.AsReceived {
			return copyReceived(w, o)
		}
		m := &in.Manifest
		if _, err := w.Write(dataset.AppendFileHeader(nil, m.SOPClass, m.SOPInstance, m.TransferSyntax, x.AE)); err != nil {
			return err
		}
		_, err := io.Copy(w, o.DataSet())
		return err
	})
	return n, errors.Join(err, o.Close())
}

func copyReceived(w io.Writer, o *storage.Object) error {
	r, err := o.AsReceived()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

// Quarantine writes every quarantined object exactly as it was received, to
// OUT/facility/quarantine/NUMBER-DIGEST.dcm.
func (x *Export) Quarantine(ctx context.Context) (int, error) {
	n, failures := 0, 0
	for e, err := range x.Archive.QuarantineList(ctx, x.Scope) {
		if err != nil {
			return n, err
		}
		digest := e.Manifest.Digest().String()[len("sha256:"):]
		name := filepath.Join(folder(e.Facility), "quarantine", fmt.Sprintf("%08d-%s.dcm", e.Seq, digest[:16]))
		size, err := x.quarantined(ctx, e, filepath.Join(x.Out, name))
		if x.told(name, size, err) {
			n++
		} else {
			failures++
		}
	}
	return n, failed(failures)
}

// told tells of one file and whether it was written.
func (x *Export) told(name string, size int64, err error) bool {
	if x.Done != nil {
		x.Done(name, size, err)
	}
	return err == nil
}

func (x *Export) quarantined(ctx context.Context, e *storage.QuarantineEntry, name string) (int64, error) {
	o, err := x.Archive.OpenQuarantined(ctx, e)
	if err != nil {
		return 0, err
	}
	n, err := write(name, func(w io.Writer) error { return copyReceived(w, o) })
	return n, errors.Join(err, o.Close())
}

// write makes a file whole or not at all. A file of that name is not replaced.
func write(name string, fill func(io.Writer) error) (n int64, err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	err = fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		n, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(name))
	}
	return n, nil
}
