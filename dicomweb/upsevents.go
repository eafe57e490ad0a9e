package dicomweb

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v4"

	"github.com/halong-gateway/halong/worklist/ups"
)

// Times of an event channel.
const (
	channelPing = 30 * time.Second // how often an idle peer is asked whether it is there
	channelWait = 20 * time.Second // for a peer to take a frame or to answer
	channelLast = 3 * time.Second  // the same when the service stops: others wait for the end then
	maxFromPeer = 64 << 10         // bytes of one message of the peer, which is passed over
)

// openChannel answers Open Event Channel (PS3.18 8.10.4): it makes the connection a WebSocket and sends the event reports for
// the subscriber, those first that waited for it. A report is kept until the peer has answered a ping sent
// behind it, since a WebSocket has no other acknowledgement (RFC 6455 5.5.2).
func openChannel(q *request) error {
	ae, err := q.aeTitle("aet")
	if err != nil {
		return err
	}
	if err := q.mayChange(); err != nil { // reports are fetched but once
		return err
	}
	r := q.Request()
	if r.ProtoMajor != 1 { // which has no Upgrade, nor may an answer name it (RFC 9113 8.2.2)
		return fail(http.StatusUpgradeRequired, "This is a WebSocket over HTTP/1.1 (RFC 6455).")
	}
	if r.Method == http.MethodHead || !strings.EqualFold(r.Header.Get(echo.HeaderUpgrade), "websocket") {
		h := q.Response().Header()
		h.Set(echo.HeaderUpgrade, "websocket")
		h.Set(echo.HeaderConnection, "Upgrade")
		return fail(http.StatusUpgradeRequired, "This is a WebSocket (RFC 6455).")
	}
	if !q.mayOpen(r) {
		return fail(http.StatusForbidden, "Pages of this origin may not open event channels.")
	}
	c, err := q.Workitems.Open(q.ctx, q.own, ae)
	if err != nil {
		return err
	}
	defer c.Close()
	conn, err := websocket.Accept(q.Response(), r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was looked at
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil { // which it has answered
		q.seen.Err = err
		return nil
	}
	s := &channelSender{conn: conn, channel: c, wait: channelWait, last: channelLast}
	q.seen.Err = s.run(r.Context())
	return nil
}

// mayOpen tells whether a page may open a channel: it sends the user's certificate, and the browser does not ask first. Therefore "*" among
// the origins says nothing here.
func (q *request) mayOpen(r *http.Request) bool {
	origin := r.Header.Get(echo.HeaderOrigin)
	if origin == "" || slices.Contains(q.Origins, origin) || q.Page != nil && q.Page(origin) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	forwarded := q.forwarded(r).host
	return strings.EqualFold(u.Host, r.Host) || forwarded != "" && strings.EqualFold(u.Host, forwarded)
}

// channelSender sends the reports of a channel over a connection.
type channelSender struct {
	conn       *websocket.Conn
	channel    *ups.Channel
	wait, last time.Duration // see channelWait and channelLast
	message    uint16        // the last Message ID (0000,0110)
}

// run sends until the peer goes, or the service stops. The error is for the log; nil when the peer went.
func (s *channelSender) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read := make(chan struct{})
	go func() { // answers pings and the end; nothing else is expected
		defer close(read)
		defer cancel()
		s.conn.SetReadLimit(maxFromPeer)
		for {
			_, r, err := s.conn.Reader(ctx)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				return
			}
		}
	}()
	err := s.send(ctx)
	switch {
	case errors.Is(err, ups.ErrStopping):
		err = s.write(ctx, ups.StatusReport(false))
		if cerr := s.conn.Close(websocket.StatusGoingAway, "the service stops"); err == nil {
			err = cerr
		}
	case ctx.Err() != nil:
		err = nil
		_ = s.conn.CloseNow() // the peer is gone
	default:
		if cerr := s.conn.Close(websocket.StatusInternalError, ""); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}
	cancel()
	<-read
	return err
}

// send sends reports, and pings when there are none for a time.
func (s *channelSender) send(ctx context.Context) error {
	for {
		list, err := s.next(ctx)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := s.write(ctx, r); err != nil {
				return err
			}
		}
		if err := s.ping(ctx); err != nil {
			return err
		}
		arrived, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.wait) // the peer has them, even if it is gone now
		err = s.channel.Arrived(arrived)
		cancel()
		if err != nil {
			return err
		}
	}
}

// next gives the next reports, none when there were none for a time.
func (s *channelSender) next(ctx context.Context) ([]ups.Report, error) {
	waiting, cancel := context.WithTimeout(ctx, channelPing)
	defer cancel()
	list, err := s.channel.Next(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return list, err
}

func (s *channelSender) write(ctx context.Context, r ups.Report) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.message++; s.message == 0 {
		s.message = 1
	}
	return s.conn.Write(ctx, websocket.MessageText, r.Frame(s.message))
}

// ping waits for the peer's answer. The error is ups.ErrStopping if none came until the service stopped.
func (s *channelSender) ping(ctx context.Context) error {
	limited, cancel := s.bounded(ctx)
	defer cancel()
	err := s.conn.Ping(limited)
	select {
	case <-s.channel.Stopping():
		if err != nil && ctx.Err() == nil {
			return ups.ErrStopping
		}
	default:
	}
	return err
}

// bounded gives a context that ends when the peer has had time enough, which is less as soon as the service stops.
func (s *channelSender) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	go func() {
		select {
		case <-s.channel.Stopping():
			time.AfterFunc(s.last, cancel)
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
