package dimse

import (
	"context"
	"errors"
	"time"
)

const (
	// idleGrace is how long an Association may be silent during Shutdown before it
	// is aborted: a sender between two objects goes on sooner.
	idleGrace = 2 * time.Second
	// shutdownTick is how often Shutdown looks.
	shutdownTick = 25 * time.Millisecond
	// killWait is how long aborted Associations may take to end.
	killWait = 3 * time.Second
)

// Shutdown takes no new Associations and waits until the running ones have
// ended. Those silent between messages are aborted after a short grace; when ctx ends, all are, and its
// error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	err := s.closeListeners()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	begin := time.Now()
	tick := time.NewTicker(shutdownTick)
	defer tick.Stop()
	for {
		select {
		case <-done:
			s.stop()
			return err
		case <-ctx.Done():
			s.kill()
			select {
			case <-done:
			case <-time.After(killWait):
			}
			return errors.Join(err, ctx.Err())
		case now := <-tick.C:
			s.abortIdle(begin, now)
		}
	}
}

func (s *Server) closeListeners() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	for l := range s.listener {
		err = errors.Join(err, l.Close())
		delete(s.listener, l)
	}
	return err
}

// abortIdle ends what has been silent for the grace.
func (s *Server) abortIdle(begin, now time.Time) {
	if now.Sub(begin) <= idleGrace {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, a := range s.conns {
		if a == nil {
			_ = c.Close() // fails only when closed already
			continue
		}
		if since := a.idleSince.Load(); since != 0 && !a.ops.busy() && now.Sub(time.Unix(0, since)) > idleGrace {
			a.Interrupt()
		}
	}
}

// kill ends everything: requests see their context end, Associations abort,
// connections without one are closed.
func (s *Server) kill() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, a := range s.conns {
		if a == nil {
			_ = c.Close() // fails only when closed already
			continue
		}
		a.Interrupt()
	}
}
