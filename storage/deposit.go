package storage

import (
	"context"
	"io"

	"github.com/halong-gateway/halong"
)

// Deposit is blobs that belong to other rows than those of objects: documents of laboratory reports. They are written
// before the transaction that adds those rows, and are held until Close.
type Deposit struct {
	archive *Archive
	blobs   []deposited
}

type deposited struct {
	info  BlobInfo
	place Place
}

// NewDeposit begins a deposit. While it is open no blob is removed.
func (a *Archive) NewDeposit() *Deposit {
	a.collecting.RLock()
	return &Deposit{archive: a}
}

// Close ends the deposit. Blobs that no committed row refers to are collected in time.
func (d *Deposit) Close() { d.archive.collecting.RUnlock() }

// Add writes one blob, unless an equal one is stored. An error of r is returned as it is.
func (d *Deposit) Add(ctx context.Context, r io.Reader, size int64) (BlobInfo, error) {
	w, err := d.archive.blobs.Create(ctx, BlobHint{Size: size, Lookup: d.archive.similar(ctx)})
	if err != nil {
		return BlobInfo{}, err
	}
	info, err := d.add(ctx, w, r)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	return info, err
}

func (d *Deposit) add(ctx context.Context, w BlobWriter, r io.Reader) (BlobInfo, error) {
	if _, err := io.Copy(w, r); err != nil {
		return BlobInfo{}, err
	}
	info, err := w.Finish()
	if err != nil {
		return info, err
	}
	row, live, err := d.archive.index.Blob(ctx, info.Digest)
	if err != nil {
		return info, err
	}
	p := row.Place
	if !live {
		if p, err = w.Place(); err != nil {
			return info, err
		}
	}
	d.blobs = append(d.blobs, deposited{info, p})
	return info, nil
}

// Claim makes rows for the blobs in the transaction. It is for rows added by the same transaction to refer to them.
func (d *Deposit) Claim(tx halong.Tx) error {
	for i := range d.blobs {
		if _, _, err := d.archive.index.AddBlob(tx, d.blobs[i].info, &d.blobs[i].place); err != nil {
			return err
		}
	}
	return nil
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
