package ups

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom"
)

// Config says what a Service works with. Updater, Store, Journal and Events must be set; zero values of the others mean the
// defaults.
type Config struct {
	Updater halong.Updater
	Store   Store
	Journal Journal
	Events  Events
	Log     *slog.Logger
	Now     func() time.Time // default time.Now

	Random    io.Reader     // of UIDs for workitems that were sent without; default crypto/rand
	Label     string        // Worklist Label (0074,1202) where a workitem has none; default "HALONG"
	Items     int           // of one facility; default 200,000
	AEs       int           // subscribed AEs of one facility; default 200
	Waiting   Limit         // reports that wait for one AE; default 10,000 and 16 MiB
	Channels  int           // open at once; default 256
	Keep      time.Duration // final workitems without a deletion lock are deleted after it; default 30 days, negative: never
	Remember  time.Duration // UIDs of deleted workitems are remembered so long; default a year
	PollEvery time.Duration // how often a channel looks for what others queued; default 1 s

	// Moved is told, in the transaction, of each change of state that a client made: live and in a replay, not of what orders make. Nor of what was journaled before
	// there was Moved: a placer may have been told since that the order is cancelled. nil: nobody is told.
	Moved func(tx halong.Tx, it *Item) error
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Label == "" {
		c.Label = "HALONG"
	}
	for _, d := range []struct{ to, value *int }{{&c.Items, ptr(200_000)}, {&c.AEs, ptr(200)}, {&c.Waiting.Reports, ptr(10_000)}, {&c.Channels, ptr(256)}} {
		if *d.to <= 0 {
			*d.to = *d.value
		}
	}
	if c.Waiting.Bytes <= 0 {
		c.Waiting.Bytes = 16 << 20
	}
	if c.Keep == 0 {
		c.Keep = 30 * 24 * time.Hour
	}
	if c.Remember <= 0 {
		c.Remember = 365 * 24 * time.Hour
	}
	if c.PollEvery <= 0 {
		c.PollEvery = time.Second
	}
	return c
}

func ptr(n int) *int { return &n }

// Service is the worklist of Unified Procedure Steps. Facilities are apart: a workitem, a subscriber and what is reported to it
// belong to one.
type Service struct {
	Config
	hub hub
}

// New makes a Service.
func New(c Config) *Service {
	s := &Service{Config: c.withDefaults()}
	s.hub.limit = s.Channels
	return s
}

// now gives the time as records hold it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// update runs fn in a transaction of its own and wakes the channels when it is committed.
func (s *Service) update(ctx context.Context, fn func(halong.Tx) error) error {
	err := s.Updater.Update(ctx, fn)
	if err == nil {
		s.hub.wake()
	}
	return err
}

// commit keeps a record and applies it.
func (s *Service) commit(tx halong.Tx, r *record) error {
	r.Moves = r.Op == opItem
	parts, err := r.encode()
	if err != nil {
		return err
	}
	if err := s.Journal.AppendWorkitem(tx, parts...); err != nil {
		return err
	}
	return s.take(tx, r)
}

// item gives a workitem that is there.
func (s *Service) item(op string, tx halong.Tx, f halong.Facility, uid dicom.UID) (*Item, error) {
	it, err := s.Store.ItemTx(tx, f, uid)
	if err != nil {
		return nil, err
	}
	if it == nil || it.State == Deleted {
		return nil, notThere(op, uid, it != nil)
	}
	return it, nil
}

// newUID gives a UID made of a random UUID (PS3.5 B.2).
func (s *Service) newUID() (dicom.UID, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.Random, b[:]); err != nil {
		return "", halong.E("ups.newUID", halong.Internal, "", err)
	}
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return dicom.UID("2.25." + new(big.Int).SetBytes(b[:]).String()), nil
}

var (
	errTooMany     = errors.New("there are too many workitems")
	errTooManyAEs  = errors.New("too many AEs are subscribed")
	errTooManyOpen = errors.New("too many event channels are open")
)
