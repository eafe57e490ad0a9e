package app

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/dicomweb/client"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/forward"
)

// addForward makes the forwarder; none without a destination in the configuration.
func (a *App) addForward(ctx context.Context) error {
	c := &a.config.Forward
	if len(c.Destinations)+len(a.config.Routes.Destinations) == 0 {
		return a.data.Index.CloseForwarding(ctx)
	}
	rules, err := a.config.ForwardRules()
	if err != nil {
		return err
	}
	x := forward.Config{
		Ledger: a.data.Index, Source: forwardSource{a.data.Archive, a.data.Index}, Rules: rules, Began: a.data.forwardingBegan,
		Keep: c.Keep.Std(), NewUID: newUID, Observe: a.metrics.forwarded, Log: a.log, Random: rand.Float64,
	}
	for i := range c.Destinations {
		d, err := a.forwardDestination(i)
		if err != nil {
			return fmt.Errorf("forward.destinations[%d]: %w", i, err)
		}
		x.Destinations = append(x.Destinations, d)
	}
	if err := a.addRoutes(&x); err != nil {
		return err
	}
	if a.forward, err = forward.Open(ctx, x); err != nil {
		return err
	}
	a.data.Index.NotifyEvents(a.forward.Notify)
	a.metrics.watchForwarding(a.forward)
	return nil
}

func (a *App) forwardDestination(i int) (forward.Destination, error) {
	c := &a.config.Forward.Destinations[i]
	d := forward.Destination{
		Name: c.Name, Concurrency: c.Concurrency, Bandwidth: int64(c.Bandwidth),
		Retry:  forward.Backoff{First: c.RetryFirst.Std(), Most: c.RetryMost.Std()},
		MaxAge: c.MaxAge.Std(), Idle: c.Idle.Std(), Commit: c.Commit, CommitTimeout: c.CommitTimeout.Std(), Reporter: cmp.Or(c.CommitAE, c.AE),
	}
	var err error
	if d.Schedule, err = a.config.Forward.Schedule(fmt.Sprintf("forward.destinations[%d]", i), c.Windows); err != nil {
		return d, err
	}
	if d.Edit, err = a.forwardEdit(c); err != nil {
		return d, err
	}
	if c.URL != "" {
		d.Transport, err = a.forwardSTOW(c)
	} else {
		d.Transport, err = a.forwardDIMSE(c)
	}
	return d, err
}

// Time-outs of sending: a destination that stops reading is given up soon, one that thinks about an object later.
const (
	forwardNetwork  = time.Minute
	forwardResponse = 5 * time.Minute
	forwardRelease  = 5 * time.Second // to hang up
)

func (a *App) forwardDIMSE(c *config.ForwardDestination) (forward.Transport, error) {
	d := a.config.DICOMDestination(c.AE)
	if d == nil {
		return nil, fmt.Errorf("%q is not one of dicom.destinations", c.AE)
	}
	dial, err := a.dialer(*d)
	if err != nil {
		return nil, err
	}
	return &forward.DIMSE{
		Address: d.Address, CallingAE: a.config.AE, CalledAE: d.AE, Dial: dial, Identity: userIdentity(*d), Window: d.AsyncOperations,
		Timeouts: dimse.Timeouts{Network: forwardNetwork, Response: forwardResponse, ARTIM: forwardRelease},
	}, nil
}

func (a *App) forwardSTOW(c *config.ForwardDestination) (forward.Transport, error) {
	h, err := a.httpClient(c.CA, c.Cert, c.Key)
	if err != nil {
		return nil, err
	}
	return &forward.STOW{Client: &client.Client{URL: c.URL, Token: c.Token, Client: h, Stall: forwardNetwork, Answer: forwardResponse}, AE: a.config.AE}, nil
}
