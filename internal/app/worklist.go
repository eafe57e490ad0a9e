package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/halong-gateway/halong"
	"github.com/halong-gateway/halong/dicom/dimse"
	"github.com/halong-gateway/halong/internal/app/config"
	"github.com/halong-gateway/halong/internal/scp"
	"github.com/halong-gateway/halong/internal/scu"
	"github.com/halong-gateway/halong/patient"
	"github.com/halong-gateway/halong/storage"
	"github.com/halong-gateway/halong/storage/disk"
	"github.com/halong-gateway/halong/worklist"
)

// newWorklist makes the service of orders and procedure steps over the index.
func (d *Data) newWorklist(c *config.Config) (*worklist.Service, error) {
	m, err := c.OrderMapping()
	if err != nil {
		return nil, err
	}
	w := &c.Worklist
	x := worklist.Config{
		Updater: d.Index, Journal: procedureJournal{d.Store}, Orders: d.Index, Procedures: d.Index, Watch: d.Index, Reader: d.Index,
		Events: d.Index, Mapping: &m, Shown: worklist.Shown{HideStarted: w.HideStarted, Past: w.HidePast.Std()},
		MPPS: worklist.MPPS{Forward: trimmedTitles(w.MPPS.Forward), Lenient: w.MPPS.Lenient}, CloseByImages: w.Images.Close,
		Served: d.served,
	}
	if w.Workitems {
		x.Workitems = d.ups
	}
	return worklist.New(x), nil
}

func trimmedTitles(in []string) (out []string) {
	for _, t := range in {
		out = append(out, strings.TrimSpace(t))
	}
	return out
}

// procedureJournal keeps the records of the worklist in the store.
type procedureJournal struct{ store *disk.Store }

// Append implements worklist.Journal.
func (j procedureJournal) Append(tx halong.Tx, parts ...[]byte) (uint64, error) {
	seq, _, err := j.store.Append(tx, storage.RecordProcedure, parts...)
	return seq, err
}

// served tells as whom a patient is served in the worklist: as in headers of images.
func (d *Data) served(tx halong.Tx, key int64) (worklist.Serve, error) {
	serve, err := d.people.Served(tx, key)
	return func(sent worklist.Identity) worklist.Identity { return worklist.Identity(serve(patient.Header(sent))) }, err
}

// newPatients makes the service of patients over the index. What changes of one is brought into the worklist, in the same transaction.
func (d *Data) newPatients(policy patient.Policy) *patient.Service {
	s := patient.New(d.Index, policy)
	s.Tell(func(tx halong.Tx, p *patient.Patient, at time.Time) error {
		serve, err := d.served(tx, p.Key)
		if err != nil {
			return err
		}
		return d.worklist.PatientChanged(tx, p.Facility, p.Key, serve, at)
	})
	s.TellMore(func(tx halong.Tx) error { return d.worklist.PatientsChangedMore(tx) })
	return s
}

// worklistPeers says what holds for the worklist of single modalities.
func worklistPeers(c *config.Config) map[string]scp.WorklistPeer {
	out := map[string]scp.WorklistPeer{}
	for _, s := range c.Worklist.Stations {
		out[strings.TrimSpace(s.AE)] = scp.WorklistPeer{Stations: trimmedTitles(s.Sees), Charset: s.Charset}
	}
	return out
}

// performed joins what the DIMSE edge writes with what it reads.
type performed struct {
	*worklist.Service
	worklist.ProceduresReader
}

// How MPPS requests are forwarded.
const (
	forwardMPPSEvery = time.Second
	forwardMPPSTime  = time.Minute // for one request
)

// mppsForwarder makes what forwards MPPS requests; nil when none are.
func (a *App) mppsForwarder() *worklist.Forwarder {
	return &worklist.Forwarder{
		Service: a.data.worklist, Queue: a.data.Index, Send: a.sendMPPS, Now: time.Now, Every: forwardMPPSEvery, Tries: a.config.Worklist.MPPS.Tries,
		Failed: func(d *worklist.Delivery, err error) {
			if d == nil {
				a.log.Error("mpps: the queue could not be read", "error", err)
				return
			}
			a.log.Warn("mpps: not forwarded", "destination", d.Destination, "sop", d.SOP.Loggable(), "attempts", d.Attempts, "given up", d.Dead, "error", err)
		},
	}
}

// sendMPPS carries one request to its destination.
func (a *App) sendMPPS(ctx context.Context, d *worklist.Delivery) (permanent bool, err error) {
	to := a.config.DICOMDestination(d.Destination)
	if to == nil {
		return true, fmt.Errorf("%s is not one of dicom.destinations", d.Destination)
	}
	dial, err := a.dialer(*to)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, forwardMPPSTime)
	defer cancel()
	resp, err := scu.Perform(ctx, scu.Target{
		Address: to.Address, CalledAE: strings.TrimSpace(to.AE), CallingAE: strings.TrimSpace(a.config.AE), Dial: dial, Identity: userIdentity(*to),
		Timeouts: dimse.Timeouts{Network: forwardNetwork, Response: forwardMPPSTime, ARTIM: forwardRelease},
	}, scu.Procedure{SOP: d.SOP, Set: d.Set, Syntax: d.Syntax, Data: d.Data})
	switch {
	case errors.Is(err, dimse.ErrNoContext):
		return true, err
	case err != nil:
		return false, err
	}
	return mppsOutcome(resp, d.Set)
}

// mppsOutcome tells what an answer means. That there is such a step already, or that it may not be changed any more, is said to a
// request that came through before its answer was lost.
func mppsOutcome(resp *dimse.Response, set bool) (permanent bool, err error) {
	final := resp.Status == dimse.ProcessingFailure && resp.ErrorID != nil && *resp.ErrorID == 0xA710
	switch s := resp.Status; {
	case s.OK(), s == dimse.DuplicateSOPInstance && !set, final && set:
		return false, nil
	case s == dimse.ResourceLimitation, s&0xFF00 == 0xA700, s == dimse.ProcessingFailure, s == dimse.NotAuthorized:
		return false, fmt.Errorf("status %v", s)
	}
	return true, fmt.Errorf("status %v", resp.Status)
}
