package sqlite

import (
	"context"

	"github.com/halong-gateway/halong/storage"
)

// noLog stands in where there is no journal.
type noLog struct{}

func (noLog) Mark() int                                            { return 0 }
func (noLog) Rewind(int)                                           {}
func (noLog) Sync(context.Context) ([]storage.SegmentState, error) { return nil, nil }
func (noLog) Committed()                                           {}
func (noLog) Aborted()                                             {}
