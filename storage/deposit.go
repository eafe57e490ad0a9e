package storage

import (
	"context"
	"errors"
	"io"

	"github.com/halong-gateway/halong"
)

// Deposit is blobs that belong to other rows than those of objects: documents of laboratory reports. They are written
// before the transaction that adds those rows, and no blob is removed until Close.
type Deposit struct {
	archive *Archive
	parts   []*DepositPart
}

// DepositPart is one blob of a deposit.
type DepositPart struct {
	Open func() io.Reader // gives its bytes; may be called again
	Size int64            // about how many, in bytes

	Info BlobInfo // what was written, unless Err is set
	Err  error    // of the reader: there is no blob then

	place Place
}

// Deposit writes the parts, unless equal blobs are stored, one at a time.
func (a *Archive) Deposit(ctx context.Context, parts []*DepositPart) (*Deposit, error) {
	d := &Deposit{a, parts}
	for try := range maxTries {
		for _, p := range parts {
			if p.Err != nil {
				continue
			}
			if err := a.deposit(ctx, p, try > 0); err != nil {
				return nil, err
			}
		}
		// Not while bytes are written: whoever has the memory that they wait for may wait for a collection.
		a.collecting.RLock()
		there, err := d.there(ctx)
		if there {
			return d, nil
		}
		a.collecting.RUnlock()
		if err != nil {
			return nil, err
		}
	}
	return nil, halong.E("storage.Deposit", halong.Transient, "", errors.New("equal blobs kept being removed"))
}

// Close ends the deposit. Blobs that no committed row refers to are collected in time.
func (d *Deposit) Close() { d.archive.collecting.RUnlock() }

// deposit writes one part; a blob that is stored already is written again only if it is to be.
func (a *Archive) deposit(ctx context.Context, p *DepositPart, again bool) (err error) {
	hint := BlobHint{Size: p.Size}
	if !again {
		hint.Lookup = a.similar(ctx)
	}
	w, err := a.blobs.Create(ctx, hint)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	r := &depositReader{r: p.Open()}
	if _, err := io.Copy(w, r); err != nil {
		if p.Err = r.err; p.Err != nil {
			return nil
		}
		return err
	}
	if p.Info, err = w.Finish(); err != nil {
		return err
	}
	row, live, err := a.index.Blob(ctx, p.Info.Digest)
	if err != nil {
		return err
	}
	if p.place = row.Place; !live || again {
		p.place, err = w.Place()
	}
	return err
}

// there tells whether all parts are where they were put or found: until now nobody held them.
func (d *Deposit) there(ctx context.Context) (bool, error) {
	for _, p := range d.parts {
		if p.Err != nil {
			continue
		}
		if _, live, err := d.archive.index.Blob(ctx, p.Info.Digest); live || err != nil {
			if err != nil {
				return false, err
			}
			continue
		}
		r, err := d.archive.blobs.Open(p.Info.Digest, p.place)
		if halong.KindOf(err) == halong.Corrupt {
			return false, nil
		}
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// Claim makes rows for the blobs in the transaction, for rows of the same transaction to refer to.
func (d *Deposit) Claim(tx halong.Tx) error {
	for _, p := range d.parts {
		if p.Err != nil {
			continue
		}
		if _, _, err := d.archive.index.AddBlob(tx, p.Info, &p.place); err != nil {
			return err
		}
	}
	return nil
}

// Adopt makes a row, in the transaction, for a blob that is in the store already: in a replay.
func (a *Archive) Adopt(tx halong.Tx, info BlobInfo, at Place) error {
	_, _, err := a.index.AddBlob(tx, info, &at)
	return err
}

// depositReader remembers a reader's error.
type depositReader struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (d *depositReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && err != io.EOF {
		d.err = err
	}
	return n, err
}

// OpenBlob opens a stored blob; ok is false if no live one has the digest.
func (a *Archive) OpenBlob(ctx context.Context, d halong.Digest) (r BlobReader, ok bool, err error) {
	for range maxTries { // a compaction may move it meanwhile
		row, live, err := a.index.Blob(ctx, d)
		if !live || err != nil {
			return nil, false, err
		}
		if r, err = a.blobs.Open(d, row.Place); err == nil {
			return r, true, nil
		}
		if halong.KindOf(err) != halong.Corrupt {
			return nil, false, err
		}
	}
	return nil, false, nil
}
