package dicomweb

import (
	"context"
	"runtime"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dataset"
)

// decoding bounds the memory that metadata of STOW-RS requests take while they are decoded and stored, by all requests together. A
// decoded element takes many times the bytes it was sent in. Requests with short metadata share a quarter of the budget, each with a
// slot of its own; the rest is for one request with more at a time. Nobody waits for anything while it holds the latter, nor
// for a client, so all get their turn.
type decoding struct {
	total int64
	short chan struct{}
	large chan struct{}
}

const (
	shortModel = 256 << 10       // bytes of metadata, or of values other than pixels, that are short
	shortCost  = 16 * shortModel // what decoding them may take
	perElement = 320             // bytes that a decoded element takes at most, about: itself, room to grow, and what was not collected yet
	perItem    = 400             // the same of an item with an element
)

func newDecoding(total int64) *decoding {
	return &decoding{total: total, short: make(chan struct{}, max(1, total/4/shortCost)), large: make(chan struct{}, 1)}
}

// enter waits for a turn. Call done when nothing of what was decoded is in use any more.
func (d *decoding) enter(ctx context.Context, large bool) (done func(), err error) {
	turn := d.short
	if large {
		turn = d.large
	}
	select {
	case turn <- struct{}{}:
		return func() {
			if large { // the next one begins without this one's garbage
				runtime.GC()
			}
			<-turn
		}, nil
	case <-ctx.Done():
		return nil, halong.E("dicomweb.store", halong.Transient, "", ctx.Err())
	}
}

// limits are those of what is decoded.
func (d *decoding) limits(large bool) dataset.Limits {
	if !large {
		return dataset.Limits{}
	}
	room := d.total/4*3 - 2*min(maxModel, d.total/8) // beside the text and the values
	return dataset.Limits{Elements: room / perElement, Items: room / perItem}
}
